"""Sizes by day, by change and at an instant, in random histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from pipelines.amocrm.models import Snapshot
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.publish import publish
from tests.accounts import fetch_rows
from tests.conftest import NewDatabase
from tests.records import ACCOUNT_ID, account, origin, segment, snapshot

NEXT_ID = count(1)

NIGHTS = {
    "Europe/Berlin": (datetime(2026, 3, 28, 6, tzinfo=UTC), datetime(2026, 10, 24, 6, tzinfo=UTC)),
    # Midnight itself is left out in spring, and comes twice in autumn.
    "America/Havana": (datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 10, 31, 12, tzinfo=UTC)),
    "Pacific/Auckland": (datetime(2026, 4, 4, 0, tzinfo=UTC), datetime(2026, 9, 26, 0, tzinfo=UTC)),
    "Etc/GMT+12": (datetime(2026, 1, 1, 6, tzinfo=UTC),),
    "Pacific/Kiritimati": (datetime(2026, 1, 1, 6, tzinfo=UTC),),
}
"""Timezones with instants shortly before their clocks are changed, where they are; and the ends of the world."""

Sizes = dict[int, int | None]  # by segment; a segment that is not there is missing


@dataclass(frozen=True, kw_only=True)
class ObservedSize:
    """What one snapshot of a random history shows."""

    at: datetime
    timezone: str
    sizes: Sizes | None  # None while the account's mode has no segments

    @property
    def day(self) -> date:
        return self.at.astimezone(ZoneInfo(self.timezone)).date()


@st.composite
def histories(draw: st.DrawFn) -> list[ObservedSize]:
    """Snapshots of three segments that come and go, from half an hour to three days apart.

    Drawn from a seed, since what Hypothesis would draw piece by piece is mostly empty.
    """
    chance = draw(st.randoms(use_true_random=True))
    timezone = chance.choice(sorted(NIGHTS))
    at = chance.choice(NIGHTS[timezone])
    observed = []
    for _ in range(chance.randint(2, 16)):
        at += timedelta(minutes=chance.choice((30, 60, 60, 240, 600, 1440, 4320)))
        if chance.random() < 0.05:
            timezone = "Etc/GMT+12"
        there = [segment_id for segment_id in (1, 2, 3) if chance.random() < 0.85]
        sizes = {segment_id: None if chance.random() < 0.1 else chance.randint(0, 9) for segment_id in there}
        observed.append(ObservedSize(at=at, timezone=timezone, sizes=None if chance.random() < 0.05 else sizes))
    return observed


def published(engine: Engine, history: list[ObservedSize]) -> int:
    """Publish the history as one of a new account, whose id is given back."""
    account_id, there = next(NEXT_ID), frozenset[int]()
    for observed in history:
        publish(engine, as_snapshot(account_id, observed, there), origin(account_key=f"account-{account_id}"))
        there = frozenset(observed.sizes or ())
    return account_id


def as_snapshot(account_id: int, observed: ObservedSize, there: frozenset[int]) -> Snapshot:
    if observed.sizes is None:
        return snapshot(observed.at, account=account("disabled", id=account_id, timezone=observed.timezone))
    return snapshot(
        observed.at,
        account=account(id=account_id, timezone=observed.timezone),
        segments=tuple(segment(segment_id, size) for segment_id, size in observed.sizes.items()),
        gone_segment_ids=there - observed.sizes.keys(),
    )


@pytest.fixture(scope="module")
def shared(new_database: NewDatabase, migrated_template: str) -> Iterator[Engine]:
    """One database for many histories, each of an account of its own."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


def days_of(history: list[ObservedSize]) -> dict[tuple[int, date], tuple[Any, ...]]:
    """What ``segment_sizes_daily`` must hold: is_observed, last, min, max and number of observations."""
    ledger: dict[date, list[ObservedSize]] = {}
    for observed in history:
        ledger.setdefault(observed.day, []).append(observed)
    expected: dict[tuple[int, date], tuple[Any, ...]] = {}
    for day, of_day in ledger.items():
        for segment_id in {segment_id for observed in of_day for segment_id in observed.sizes or ()}:
            sizes = [observed.sizes[segment_id] for observed in of_day if segment_id in (observed.sizes or ())]  # type: ignore[index]
            known = [size for size in sizes if size is not None]
            expected[segment_id, day] = (
                True,
                sizes[-1],
                min(known, default=None),
                max(known, default=None),
                len(of_day),
            )
    for number in range((max(ledger) - min(ledger)).days):
        day = min(ledger) + timedelta(days=number)
        if day not in ledger:
            before = [observed for observed in history if observed.day < day][-1]
            after = next(observed for observed in history if observed.day > day)
            for segment_id in (before.sizes or {}).keys() & (after.sizes or {}).keys():
                expected[segment_id, day] = (False, None, None, None, 0)
    return expected


@settings(max_examples=25, deadline=None)
@given(history=histories(), minutes=st.integers(-1, 5000))
def test_views_show_the_sizes_of_random_histories(shared: Engine, history: list[ObservedSize], minutes: int) -> None:
    account_id = published(shared, history)  # once for all views: it takes most of the time
    check_days(shared, account_id, history)
    check_changes(shared, account_id, history)
    check_trends(shared, account_id, history)
    check_as_of(shared, account_id, history, history[0].at + timedelta(minutes=minutes))


def check_days(shared: Engine, account_id: int, history: list[ObservedSize]) -> None:
    """Check that the days are those of the ledger's rows."""
    rows = fetch_rows(
        shared,
        "select segment_id, observed_date, is_observed, last_count, min_count, max_count, observation_count"
        " from analytics.segment_sizes_daily where account_id = :account",
        account=account_id,
    )
    assert len(rows) == len({row[:2] for row in rows})
    assert {row[:2]: row[2:] for row in rows} == days_of(history)


def check_changes(shared: Engine, account_id: int, history: list[ObservedSize]) -> None:
    """Check that the changes of sizes hold every snapshot."""
    rows = fetch_rows(
        shared,
        "select segment_id, customers_count, valid_from, valid_to from analytics.segment_sizes"
        " where account_id = :account",
        account=account_id,
    )
    for observed in history:
        sizes = [(row[0], row[1]) for row in rows if row[2] <= observed.at and (row[3] is None or observed.at < row[3])]
        assert dict(sizes) == {key: size for key, size in (observed.sizes or {}).items() if size is not None}
        assert len(sizes) == len(dict(sizes))


def check_as_of(shared: Engine, account_id: int, history: list[ObservedSize], instant: datetime) -> None:
    """Check that the state as of an instant is that of the snapshot before."""
    rows = fetch_rows(
        shared,
        "select segment_id, customers_count, observed_at from analytics.as_of(:account, :instant)",
        account=account_id,
        instant=instant,
    )
    before = [observed for observed in history if observed.at <= instant]
    assert {row[0]: row[1] for row in rows} == ((before[-1].sizes or {}) if before else {})
    assert {row[2] for row in rows} <= {observed.at for observed in before[-1:]}


def check_trends(shared: Engine, account_id: int, history: list[ObservedSize]) -> None:
    """Check that trends compare with the last snapshot of earlier days."""
    rows = fetch_rows(
        shared,
        "select segment_id, customers_count, observed_1_day_ago_at, count_1_day_ago, change_1_day,"
        " observed_7_days_ago_at, count_7_days_ago, change_7_days from analytics.segment_trends"
        " where account_id = :account",
        account=account_id,
    )
    newest = history[-1]
    assert {row[0]: row[1] for row in rows} == (newest.sizes or {})
    for segment_id, size, *compared in rows:
        expected: list[Any] = []
        for days in (1, 7):
            earlier = [observed for observed in history if observed.day <= newest.day - timedelta(days=days)][-1:]
            then = (earlier[0].sizes or {}).get(segment_id) if earlier else None
            expected += [
                earlier[0].at if earlier else None,
                then,
                size - then if size is not None and then is not None else None,
            ]
        assert compared == expected


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_hourly_loads_of_a_day_are_as_many_as_it_has_hours(engine: Engine, day: date, hours: int) -> None:
    berlin = account(timezone="Europe/Berlin")
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    for hour in range(-1, 26):
        observed = snapshot(
            start + timedelta(hours=hour, minutes=5), account=berlin, segments=(segment(1, 100 + hour),)
        )
        publish(engine, observed, origin())
    rows = fetch_rows(
        engine,
        "select last_count, min_count, max_count, observation_count from analytics.segment_sizes_daily"
        " where account_id = :account and observed_date = :day",
        account=ACCOUNT_ID,
        day=day,
    )
    assert rows == [(99 + hours, 100, 99 + hours, hours)]


def test_movers_are_ranked_by_span_and_direction(engine: Engine) -> None:
    start = datetime(2026, 5, 1, 12, tzinfo=UTC)
    sizes = {0: (100, 100, 100, 100, 0), 60: (100, 150, 90, 80, 0), 90: (100, 200, 70, 130, 4)}
    for days, of_day in sizes.items():
        segments = tuple(segment(number, size) for number, size in enumerate(of_day, start=1))
        publish(engine, snapshot(start + timedelta(days=days), segments=segments), origin())
    rows = fetch_rows(
        engine,
        "select days, direction, place, segment_id, change_count, change_percent::text from analytics.segment_movers"
        " where account_id = :account and days in (30, 90) order by days, direction, place, segment_id",
        account=ACCOUNT_ID,
    )
    assert rows == [
        (30, "down", 1, 3, -20, "-22.2"),
        (30, "up", 1, 2, 50, "33.3"),
        (30, "up", 1, 4, 50, "62.5"),
        (30, "up", 3, 5, 4, None),
        (90, "down", 1, 3, -30, "-30.0"),
        (90, "up", 1, 2, 100, "100.0"),
        (90, "up", 2, 4, 30, "30.0"),
        (90, "up", 3, 5, 4, None),
    ]
