"""A fleet in worker processes: results, a killed worker, refusals and signals as in one process."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator, effects
from pipelines.alerts.load_outcomes import read_failing_keys
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings
from pipelines.load import open_fleet as choice
from pipelines.load.fleet import MAX_CONSECUTIVE_REFUSALS
from pipelines.load.open_fleet import open_fleet
from pipelines.load.result import LoadResult
from tests.accounts import fetch_rows
from tests.integration.test_fleet import Fleet


@pytest.fixture
def accounts(live_emulator: Emulator, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(choice, "_count_cores", lambda: 2)
    monkeypatch.setattr(choice, "MIN_ACCOUNTS_PER_WORKER", 5)
    fleet = Fleet(live_emulator, engine, tmp_path)
    fleet.settings = replace(fleet.settings, workers=2, threads=4)
    fleet.open(*(f"account-{number:02}" for number in range(12)))
    return fleet


def children() -> list[int]:
    """Processes that this one started, in that order."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def test_workers_load_all_accounts_and_report_each_failure(accounts: Fleet) -> None:
    accounts.failure("account-03", effects.error(401))
    before = children()
    with open_fleet(accounts.engine, accounts.accounts, accounts.settings) as results:
        assert len(children()) == len(before) + 2
        found = {one.account_key: (one.status, one.failure and one.failure.error) for one in results}
    assert found.pop("account-03") == ("failed", "Unauthorized")
    assert (len(found), set(found.values())) == (11, {("loaded", None)})
    assert fetch_rows(accounts.engine, "select count(*) from amocrm.snapshot") == [(11,)]
    assert children() == before, "no worker is left"


def test_few_accounts_or_one_worker_start_no_process(accounts: Fleet) -> None:
    before = children()
    for listed, workers in ((accounts.accounts[:9], 2), (accounts.accounts, 1)):
        with open_fleet(accounts.engine, listed, replace(accounts.settings, workers=workers)) as results:
            assert children() == before
            assert len([one for one in results if one.loaded]) == len(listed)


def test_a_killed_worker_fails_only_the_account_that_it_was_loading(accounts: Fleet) -> None:
    accounts.failure("account-00", effects.drip(0.2, 1, is_head_too=True))  # the first account of the first worker
    before = children()
    found: dict[str, LoadResult] = {}
    with open_fleet(accounts.engine, accounts.accounts, accounts.settings) as results:
        for one in results:
            found[one.account_key] = one
            if len(found) == 11:
                os.kill(children()[len(before)], signal.SIGKILL)
    failure = found.pop("account-00").failure
    assert {one.status for one in found.values()} == {"loaded"}
    assert failure
    assert (failure.error, failure.exit_code) == ("LoaderKilled", 21)
    assert "The process that loaded it was killed (SIGKILL)." in failure.full_text
    assert "AMOCRM_WORKERS" in failure.advice
    assert read_failing_keys(accounts.engine) == {"account-00"}, "sync --retry-failed loads it"


def test_without_workers_the_rest_is_skipped(accounts: Fleet) -> None:
    for key in accounts.ids:
        accounts.failure(key, effects.drip(0.2, 1, is_head_too=True))
    before = children()
    with open_fleet(accounts.engine, accounts.accounts, accounts.settings) as results:
        for worker in children()[len(before) :]:
            os.kill(worker, signal.SIGKILL)
        statuses = sorted(one.status for one in results)
    assert statuses == ["failed"] * 4 + ["skipped"] * 8


def test_refusals_are_counted_across_workers(accounts: Fleet) -> None:
    accounts.settings = replace(accounts.settings, threads=2)
    for key in accounts.ids:
        accounts.failure(key, effects.too_many(in_body=100_000))
    with open_fleet(accounts.engine, accounts.accounts, accounts.settings) as results:
        statuses = [one.status for one in results]
    assert len(statuses) == 12
    assert MAX_CONSECUTIVE_REFUSALS <= statuses.count("failed") <= MAX_CONSECUTIVE_REFUSALS + 1


def test_a_signal_ends_waiting_loads_and_the_workers(accounts: Fleet) -> None:
    """The signal's exception comes out of the wait for a result."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before, began = children(), time.monotonic()
    earlier = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Emulator() as limited:
            limited.faults.add(effects.too_many(in_body=100))
            waiting = [
                AccountSettings(key=f"waits-{number}", base_url=limited.url, token=Secret("t")) for number in range(11)
            ]
            with (
                pytest.raises(KeyboardInterrupt),
                open_fleet(accounts.engine, [accounts.accounts[0], *waiting], accounts.settings) as results,
            ):
                found = [next(results).status]
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                found += [one.status for one in results]
    finally:
        signal.signal(signal.SIGALRM, earlier)
    assert time.monotonic() - began < 60, "nobody waited for the hundred seconds that amoCRM asked for"
    assert found == ["loaded"]
    assert children() == before
    assert read_failing_keys(accounts.engine) == frozenset(), "being ended is no failure"


def test_a_worker_that_cannot_be_started_is_an_error_that_says_what_to_do(
    accounts: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, fork = children(), os.fork

    def fail_second() -> int:
        if len(children()) > len(before):
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", fail_second)
    with (
        pytest.raises(SettingsError, match="could not be started: Resource temporarily unavailable"),
        open_fleet(accounts.engine, accounts.accounts, accounts.settings),
    ):
        pass
    assert children() == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
