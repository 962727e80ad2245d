"""Clocks that are wrong: nothing is stored of a time that has not come, nothing is deleted, and somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator, effects
from emulator.clock import Clock as EmulatorClock
from pipelines.clock import Clock
from pipelines.errors import ApiError, SettingsError
from pipelines.fleet import load_fleet
from pipelines.housekeeping import purge_all_answers
from pipelines.load import load_account
from pipelines.outcome import causes_of
from pipelines.warehouse.outcomes import failed_keys
from tests.records import START
from tests.shop import Shop

YEAR = 365 * 24.0
KEPT = "select count(*) from amocrm.raw_answer"


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Iterator[Shop]:
    """The shop, its emulator running."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        yield Shop(emulator, engine, tmp_path)


@pytest.mark.parametrize(("hours", "told"), [(YEAR, "365 days"), (50, "2 days 2 h")])
def test_clock_that_is_ahead_stores_nothing(shop: Shop, hours: float, told: str) -> None:
    with pytest.raises(SettingsError, match=f"clock is {told} ahead"):
        shop.load(hours)
    assert shop.rows(KEPT) == [(0,)]
    assert shop.load(0).published.is_new


@pytest.mark.parametrize("is_answered", [True, False])
def test_load_that_fails_in_the_future_deletes_nothing(shop: Shop, is_answered: bool) -> None:
    """A wrong clock makes certificates invalid, so that failing is how it shows."""
    shop.load(0)
    [(kept,)] = shop.rows(KEPT)
    address = shop.account.base_url if is_answered else "http://127.0.0.1:1"
    with shop.emulator.faults.during(effects.status(503), resource="account"), pytest.raises(ApiError):
        shop.load(YEAR, base_url=address)
    assert shop.rows("select count(*) from amocrm.raw_answer where is_accepted") == [(kept,)]


def test_housekeeping_needs_both_clocks_to_delete(shop: Shop) -> None:
    now = datetime.now(UTC)
    shop.emulator.clock.set(now)
    load_account(shop.engine, shop.account, shop.settings, clock=Clock(now=lambda: now, sleep=lambda _: None))
    settings = replace(shop.settings, raw_retention_days=30)
    assert purge_all_answers(shop.engine, settings, now=now + timedelta(days=400)) == 0


def test_snapshot_of_a_time_that_has_not_come_is_told(shop: Shop) -> None:
    """As a clock that was less than two days ahead has left it."""
    shop.load(40)
    for hour in (1, 20, 38.5):
        (outcome,) = load_fleet(shop.engine, [shop.account], shop.settings, threads=1, clock=shop.clock(hour))
        (cause,) = causes_of([outcome])
        assert (outcome.status, cause.error) == ("failed", "SettingsError")
        assert "2026-03-03 01:00 UTC" in cause.message
    assert shop.load(41).published.is_new


def test_failure_noted_beyond_now_is_no_failure(shop: Shop) -> None:
    """What a clock that was ahead has noted would otherwise stay the newest of all for as long."""
    ahead = (datetime.now(UTC) - START) / timedelta(hours=1) + YEAR
    with pytest.raises(SettingsError):
        shop.load(ahead)
    shop.load(0)
    assert failed_keys(shop.engine) == frozenset()
    assert shop.rows("select failure_count, last_error from analytics.freshness") == [(0, None)]
