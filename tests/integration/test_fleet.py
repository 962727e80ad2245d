"""Loads of many accounts: isolation, retries, skips and cancellation."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import URL, Engine

from emulator import Emulator, effects
from emulator.faults import Effect
from pipelines.alerts.load_outcomes import read_failing_keys
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.database_url import parse_database_url
from pipelines.config.settings import AccountSettings, UnusableAccount
from pipelines.load import fleet
from pipelines.load.context import LoadContext
from pipelines.load.fleet import MAX_CONSECUTIVE_REFUSALS, load_fleet
from pipelines.load.fleet_summary import format_failures, format_headline
from pipelines.load.load import load_account
from pipelines.load.result import LoadResult, Status
from tests.accounts import IMPATIENT_CLOCK, account_settings, fast_settings, fetch_rows
from tests.conftest import render_url


class Fleet:
    """Emulated accounts, and runs that load them all."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path) -> None:
        """Begin without accounts."""
        self.emulator, self.engine = emulator, engine
        self.settings = fast_settings(root)
        self.ids: dict[str, int] = {}

    def open(self, *keys: str) -> None:
        """Open accounts with a segment each."""
        for key in keys:
            self.ids[key] = self.emulator.world.add_account(key)
            self.emulator.world.add_segment(self.ids[key], "VIP", size=10)

    def failure(self, key: str, effect: Effect, **matching: Any) -> None:
        """Have every answer to one account come to this."""
        self.emulator.faults.add(effect, account_id=self.ids[key], **matching)

    @property
    def accounts(self) -> list[AccountSettings]:
        """All of them, as settings have them."""
        return [account_settings(self.emulator, account_id, key) for key, account_id in self.ids.items()]

    def run(
        self, threads: int = 4, clock: Clock = IMPATIENT_CLOCK, **options: Any
    ) -> Generator[LoadResult, None, None]:
        """Load them all."""
        return load_fleet(self.engine, self.accounts, self.settings, threads=threads, clock=clock, **options)

    def statuses(self, **options: Any) -> dict[str, tuple[Status, str | None]]:
        """Status and error of each account after a run."""
        found = {
            one.account_key: (one.status, one.failure.error if one.failure else None) for one in self.run(**options)
        }
        assert found.keys() == self.ids.keys()
        return found


@pytest.fixture
def accounts(live_emulator: Emulator, engine: Engine, tmp_path: Path) -> Iterator[Fleet]:
    yield Fleet(live_emulator, engine, tmp_path)
    for thread in threading.enumerate():
        if thread.name.startswith("fleet-"):  # of a fleet that was ended; it may still hold a connection
            thread.join(60)


def test_one_accounts_error_affects_no_other(accounts: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.open(*(f"well-{number:02}" for number in range(20)), "gone", "limited", "mistaken", "token", "unpaid")
    accounts.failure("gone", effects.error(404))
    accounts.failure("limited", effects.too_many(in_body=100_000))
    accounts.failure("token", effects.error(401))
    accounts.failure("unpaid", effects.error(402))

    def mistaken(context: LoadContext) -> object:
        if context.account_key == "mistaken":
            raise ZeroDivisionError("canary")
        return load_account(context)

    monkeypatch.setattr(fleet, "load_account", mistaken)
    found = accounts.statuses()
    assert {key: found.pop(key) for key in ("gone", "limited", "mistaken", "token", "unpaid")} == {
        "gone": ("failed", "NotFound"),
        "limited": ("failed", "RateLimited"),
        "mistaken": ("failed", "ZeroDivisionError"),
        "token": ("failed", "Unauthorized"),
        "unpaid": ("failed", "Forbidden"),
    }
    assert set(found.values()) == {("loaded", None)}
    assert fetch_rows(accounts.engine, "select count(*) from amocrm.snapshot") == [(20,)]


def test_a_misconfigured_account_fails_alone(accounts: Fleet) -> None:
    accounts.open("early", "well")
    wrong = UnusableAccount(key="late", problems="accounts.toml: the variable LATE is not set.")
    run = load_fleet(accounts.engine, [wrong, *accounts.accounts], accounts.settings, threads=1, clock=IMPATIENT_CLOCK)
    outcomes = {one.account_key: one for one in run}
    assert {key: one.status for key, one in outcomes.items()} == {"early": "loaded", "late": "failed", "well": "loaded"}
    [told] = format_failures(outcomes.values())
    assert told == (
        "SettingsError, 1 account: late\nWhat happened: accounts.toml: the variable LATE is not set.\n"
        "What to do: Correct it in .env or accounts.toml, then run './run doctor'."
    )
    assert read_failing_keys(accounts.engine) == {"late"}


def test_loads_overlap_and_no_more_than_the_threads(accounts: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.open(*(f"account-{number:02}" for number in range(9)))
    meeting = threading.Barrier(3, timeout=30)  # nobody goes on before three are here
    names = set()

    def meet(*_: object, **__: object) -> None:
        names.add(threading.current_thread().name)
        meeting.wait()
        raise ZeroDivisionError

    monkeypatch.setattr(fleet, "load_account", meet)
    assert {error for _, error in accounts.statuses(threads=3).values()} == {"ZeroDivisionError"}
    assert len(names) == 3


def test_transient_errors_are_retried_once_after_all_others(accounts: Fleet) -> None:
    accounts.open("one", "passing", "steady", "two", "wrong")
    accounts.failure("passing", effects.status(503), times=6)  # all tries of the first load
    accounts.failure("steady", effects.status(503))
    accounts.failure("wrong", effects.error(401))
    waits: list[float] = []
    still = datetime.now(UTC)
    clock = Clock(now=lambda: still + timedelta(seconds=sum(waits)), sleep=waits.append)
    outcomes = list(accounts.run(threads=1, clock=clock, retry_after=1_000))
    assert [one.account_key for one in outcomes] == ["one", "two", "wrong", "passing", "steady"]
    assert [one.status for one in outcomes] == ["loaded", "loaded", "failed", "loaded", "failed"]
    assert sum(waits) >= 900, "some of the thousand seconds went by while the others were loaded"
    assert read_failing_keys(accounts.engine) == {"steady", "wrong"}


def test_accounts_count_as_failing_until_they_are_loaded(accounts: Fleet) -> None:
    accounts.open("early", "late", "never", "well")
    accounts.failure("never", effects.error(401))
    accounts.statuses()
    accounts.failure("late", effects.error(404))
    accounts.statuses()
    assert read_failing_keys(accounts.engine) == {"late", "never"}
    accounts.emulator.faults.clear()
    accounts.statuses()
    assert read_failing_keys(accounts.engine) == frozenset()


def test_without_the_database_the_rest_is_skipped(accounts: Fleet, postgres_url: str, server_url: URL) -> None:
    accounts.open(*(f"account-{number:02}" for number in range(40)))
    name = Identifier(str(parse_database_url(postgres_url).database))
    outcomes: list[LoadResult] = []
    with psycopg.connect(render_url(server_url), autocommit=True) as admin:
        for outcome in accounts.run(threads=4):
            if not outcomes:
                admin.execute(SQL("alter database {} allow_connections false").format(name))
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname is not null and datname <> current_database()"
                )
            outcomes.append(outcome)
        admin.execute(SQL("alter database {} allow_connections true").format(name))
    statuses = [one.status for one in outcomes]
    assert len(outcomes) == 40
    assert statuses.count("skipped") > 20
    assert 1 <= statuses.count("failed") <= 4
    [why] = {one.failure.message for one in outcomes if one.failure and one.status == "skipped"}
    assert why.startswith("Not loaded because the database is gone: ")


@pytest.mark.parametrize("effect", [effects.blocked(), effects.too_many(in_body=100_000)])
def test_after_consecutive_refusals_the_rest_is_skipped(accounts: Fleet, effect: Effect) -> None:
    with ExitStack() as hosts:
        emulators = [hosts.enter_context(Emulator()) for _ in range(MAX_CONSECUTIVE_REFUSALS + 2)]
        for emulator in emulators:
            emulator.faults.add(effect)
        listed = [
            account_settings(emulator, emulator.world.add_account(), f"account-{number}")
            for number, emulator in enumerate(emulators)
        ]
        outcomes = list(load_fleet(accounts.engine, listed, accounts.settings, threads=1, clock=IMPATIENT_CLOCK))
    assert [one.status for one in outcomes] == ["failed"] * MAX_CONSECUTIVE_REFUSALS + ["skipped"] * 2


def test_refusals_with_a_load_between_them_stop_nothing(accounts: Fleet) -> None:
    refused = [f"refused-{number}" for number in range(MAX_CONSECUTIVE_REFUSALS)]
    accounts.open(refused[0], "well", *refused[1:], "last")
    for key in refused:
        accounts.failure(key, effects.too_many(in_body=100_000))
    statuses = {key: status for key, (status, _) in accounts.statuses(threads=1).items()}
    assert statuses == dict.fromkeys(refused, "failed") | {"well": "loaded", "last": "loaded"}


def test_a_recorded_block_stops_no_other_host(accounts: Fleet) -> None:
    """Only the first is answered so; the others of the host are not asked, which says nothing about the address."""
    accounts.open("well")
    with Emulator() as blocked:
        blocked.faults.add(effects.blocked())
        listed = [
            AccountSettings(key=f"blocked-{number}", base_url=blocked.url, token=Secret("token"))
            for number in range(MAX_CONSECUTIVE_REFUSALS + 1)
        ]
        run = load_fleet(
            accounts.engine, [*listed, *accounts.accounts], accounts.settings, threads=1, clock=IMPATIENT_CLOCK
        )
        statuses = {one.account_key: one.status for one in run}
    assert statuses.pop("well") == "loaded"
    assert set(statuses.values()) == {"failed"}


def test_closing_ends_waiting_loads(accounts: Fleet) -> None:
    accounts.open("well")
    with Emulator() as limited:
        limited.faults.add(effects.too_many(in_body=100))
        waiting = [
            AccountSettings(key=f"waits-{number}", base_url=limited.url, token=Secret("token")) for number in range(8)
        ]
        run = load_fleet(
            accounts.engine, [*waiting[:3], *accounts.accounts, *waiting[3:]], accounts.settings, threads=4
        )
        assert [(one.account_key, one.status) for one in islice(run, 1)] == [("well", "loaded")]
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run.throw(KeyboardInterrupt())
    assert time.monotonic() - began < 60, "nobody waited for the hundred seconds that amoCRM asked for"
    assert read_failing_keys(accounts.engine) == frozenset(), "being ended is no failure"


def test_only_a_loads_result_is_kept_in_memory(accounts: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.open(*(f"account-{number:02}" for number in range(5)), "wrong")
    accounts.failure("wrong", effects.html())
    errors: list[weakref.ref[Exception]] = []
    outcomes = list(accounts.run(on_error=lambda error: errors.append(weakref.ref(error))))
    assert len(outcomes) == 6
    assert len(errors) == 1
    # gc.collect() does nothing while another thread is collecting, which may be one of the fleet's or the emulator's.
    until = time.monotonic() + 30
    while errors[0]() and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
    assert errors[0]() is None, "with an error goes what its frames hold"


def test_a_broken_pipe_while_printing_errors_ends_no_load(accounts: Fleet) -> None:
    """As ``head`` is behind the pipe of ``sync --verbose``: every account still has its outcome."""
    accounts.open("well", "wrong")
    accounts.failure("wrong", effects.html())

    def break_pipe(_: Exception) -> None:
        raise BrokenPipeError

    assert {one.account_key: one.status for one in accounts.run(on_error=break_pipe)} == {
        "well": "loaded",
        "wrong": "failed",
    }


def test_summary_of_a_fleet(accounts: Fleet) -> None:
    accounts.open("alpha", "beta", "gamma", "well")
    accounts.failure("alpha", effects.error(404))
    accounts.failure("beta", effects.error(401))
    accounts.failure("gamma", effects.error(401))
    outcomes = list(accounts.run())
    assert format_headline(outcomes).startswith("1 of 4 accounts loaded, 3 failed, ")
    tokens, hosts = format_failures(outcomes)
    assert tokens.startswith("Unauthorized, 2 accounts: beta, gamma\nWhat happened, to beta: ")
    assert "What to do: Create a new long-lived token" in tokens
    assert hosts.startswith("NotFound, 1 account: alpha\nWhat happened: ")
