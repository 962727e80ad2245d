"""Wrong clocks: nothing of the future is stored, nothing is deleted, and the error is reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from emulator import effects
from pipelines.alerts.load_outcomes import read_failing_keys
from pipelines.base.errors import ApiError, SettingsError
from pipelines.load.context import LoadContext
from pipelines.load.fleet import load_fleet
from pipelines.load.load import load_account
from pipelines.load.result import group_failures
from pipelines.load.retention import purge_all_responses
from tests.accounts import Shop, frozen_clock
from tests.records import START

YEAR = 365 * 24.0
KEPT = "select count(*) from amocrm.raw_answer"


@pytest.mark.parametrize(("hours", "told"), [(YEAR, "365 days"), (50, "2 days 2 h")])
def test_clock_that_is_ahead_stores_nothing(account: Shop, hours: float, told: str) -> None:
    with pytest.raises(SettingsError, match=f"clock is {told} ahead"):
        account.load(hours)
    assert account.rows(KEPT) == [(0,)]
    assert account.load(0).published.is_new


@pytest.mark.parametrize("is_answered", [True, False])
def test_load_that_fails_in_the_future_deletes_nothing(account: Shop, is_answered: bool) -> None:
    """A wrong clock makes certificates invalid, so that failing is how it shows."""
    account.load(0)
    [(kept,)] = account.rows(KEPT)
    address = account.account.base_url if is_answered else "http://127.0.0.1:1"
    with account.emulator.faults.during(effects.status(503), resource="account"), pytest.raises(ApiError):
        account.load(YEAR, base_url=address)
    assert account.rows("select count(*) from amocrm.raw_answer where is_accepted") == [(kept,)]


def test_housekeeping_needs_both_clocks_to_delete(account: Shop) -> None:
    now = datetime.now(UTC)
    account.emulator.clock.set(now)
    load_account(LoadContext(account.engine, account.account, account.settings, clock=frozen_clock(now)))
    settings = replace(account.settings, raw_retention_days=30)
    assert purge_all_responses(account.engine, settings, now=now + timedelta(days=400)) == 0


def test_a_snapshot_of_the_future_is_reported(account: Shop) -> None:
    """As a clock that was less than two days ahead has left it."""
    account.load(40)
    for hour in (1, 20, 38.5):
        (outcome,) = load_fleet(
            account.engine, [account.account], account.settings, threads=1, clock=account.clock(hour)
        )
        (cause,) = group_failures([outcome])
        assert (outcome.status, cause.error) == ("failed", "SettingsError")
        assert "2026-03-03 01:00 UTC" in cause.message
    assert account.load(41).published.is_new


def test_a_failure_recorded_in_the_future_is_ignored(account: Shop) -> None:
    """What a clock that was ahead has noted would otherwise stay the newest of all for as long."""
    ahead = (datetime.now(UTC) - START) / timedelta(hours=1) + YEAR
    with pytest.raises(SettingsError):
        account.load(ahead)
    account.load(0)
    assert read_failing_keys(account.engine) == frozenset()
    assert account.rows("select failure_count, last_error from analytics.freshness") == [(0, None)]
