"""Views about loads: gaps, their failures, and freshness."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pipelines.warehouse.publish import publish
from pipelines.warehouse.queries import statement
from tests.accounts import fetch_rows
from tests.records import ACCOUNT_ID, account, hours, origin, segment, snapshot


@pytest.fixture
def now(engine: Engine) -> datetime:
    """The database's time when the test begins: the views compare the latest snapshot with it."""
    [(instant,)] = fetch_rows(engine, "select now()")
    return instant  # type: ignore[no-any-return]


def load(engine: Engine, *instants: datetime, account_id: int = ACCOUNT_ID) -> None:
    for instant in instants:
        seen = snapshot(instant, account=account(id=account_id), segments=(segment(1),))
        publish(engine, seen, origin(account_key=key_of(account_id)))


def key_of(account_id: int) -> str:
    return "main" if account_id == ACCOUNT_ID else f"account-{account_id}"


def fail(engine: Engine, *failures: tuple[datetime, str], account_key: str = "main") -> None:
    with engine.begin() as connection:
        for started_at, error in failures:
            connection.execute(
                statement("insert_load_failure"),
                {
                    "account_key": account_key,
                    "started_at": started_at,
                    "account_id": None,
                    "failed_at": started_at + timedelta(minutes=1),
                    "error": error,
                    "message": f"{error} at {started_at:%H:%M}.",
                    "run_id": None,
                },
            )


def closed_gaps(engine: Engine) -> list[tuple[Any, ...]]:
    return fetch_rows(
        engine,
        "select after_at, until_at, gap_seconds, usual_seconds, missed_count, missed_days from analytics.gaps"
        " where account_id = :account and not is_open order by after_at",
        account=ACCOUNT_ID,
    )


def hourly(*spans: tuple[int, int]) -> Iterable[datetime]:
    """Hours of the test's time, from and to inclusive."""
    return (hours(hour) for first, last in spans for hour in range(first, last + 1))


def test_a_steady_rhythm_has_no_gaps(engine: Engine) -> None:
    jitter = [hours(hour) + timedelta(minutes=(hour * 37) % 15) for hour in range(40)]
    load(engine, *jitter)
    assert closed_gaps(engine) == []


def test_one_missing_load_is_a_gap(engine: Engine) -> None:
    load(engine, *hourly((0, 10), (12, 20)))
    assert closed_gaps(engine) == [(hours(10), hours(12), 7200, 3600, 1, 0)]


def test_gaps_side_by_side_do_not_hide_each_other(engine: Engine) -> None:
    load(engine, *hourly((0, 20), (25, 25), (30, 30), (100, 120)))
    assert [row[:2] + row[4:] for row in closed_gaps(engine)] == [
        (hours(20), hours(25), 4, 0),
        (hours(25), hours(30), 4, 0),
        (hours(30), hours(100), 69, 2),
    ]


def test_another_rhythm_is_no_gap(engine: Engine) -> None:
    """Hourly for a day, then once a day: the first span may look like a gap, the others are usual."""
    load(engine, *hourly((0, 24)), *(hours(24 + 24 * day) for day in range(1, 21)))
    assert len(closed_gaps(engine)) <= 1
    assert not [row for row in closed_gaps(engine) if row[0] > hours(48)]


def test_loads_by_hand_are_no_rhythm(engine: Engine, now: datetime) -> None:
    """Plans that are applied one after another load twice each; the next load of the schedule is not late for that."""
    regular = [now - timedelta(hours=6 * number) for number in range(20, 0, -1)]
    load(engine, *regular, *(regular[-1] + timedelta(minutes=minute) for minute in (30, 31, 35, 36, 37)))
    assert fetch_rows(engine, "select after_at, until_at from analytics.gaps") == []
    assert fetch_rows(engine, "select usual_seconds, is_late from analytics.freshness") == [(21600, False)]
    load(engine, now)
    assert fetch_rows(engine, "select after_at, until_at from analytics.gaps") == []


def test_a_day_missing_from_daily_loads(engine: Engine) -> None:
    load(engine, *(hours(24 * day) for day in range(20) if day not in (8, 12, 13)))
    assert [row[2:] for row in closed_gaps(engine)] == [(172800, 86400, 1, 1), (259200, 86400, 2, 2)]


@pytest.mark.parametrize(
    ("load_count", "minutes_apart", "usual_seconds"),
    [(8, 60, None), (9, 60, 3600), (10, 1, None), (10, 5, 300), (4, 1440, 86400)],
)
def test_some_loads_by_hand_are_no_rhythm_yet(
    engine: Engine, now: datetime, load_count: int, minutes_apart: int, usual_seconds: int | None
) -> None:
    """The first day of an account: nothing is late or missing, since nothing is usual."""
    apart = timedelta(minutes=minutes_apart)
    load(engine, *(now - 3 * apart - apart * number for number in range(load_count - 1, -1, -1)))
    is_late = usual_seconds is not None
    assert fetch_rows(engine, "select usual_seconds, is_late from analytics.freshness") == [(usual_seconds, is_late)]
    assert fetch_rows(engine, "select is_open from analytics.gaps") == [(True,)] * is_late


def test_a_gap_counts_its_failures(engine: Engine) -> None:
    load(engine, *hourly((0, 10), (15, 25)))
    fail(
        engine,
        (hours(9.5), "Unavailable"),  # before the gap
        (hours(11), "Unavailable"),
        (hours(12), "Unavailable"),
        (hours(13), "Unauthorized"),
        (hours(20), "Unavailable"),  # after it
    )
    fail(engine, (hours(12), "Blocked"), account_key="another")
    assert fetch_rows(engine, "select failure_count, errors, last_message from analytics.gaps where not is_open") == [
        (3, "Unavailable × 2, Unauthorized × 1", "Unauthorized at 22:00.")
    ]


def test_a_gap_without_failures_shows_none(engine: Engine) -> None:
    load(engine, *hourly((0, 10), (15, 25)))
    assert fetch_rows(engine, "select failure_count, errors, last_message from analytics.gaps where not is_open") == [
        (0, None, None)
    ]


def test_a_gap_lasts_until_the_next_snapshot(engine: Engine, now: datetime) -> None:
    load(engine, *(now - timedelta(hours=hour) for hour in range(30, 9, -1)))
    fail(engine, (now - timedelta(hours=5), "Blocked"))
    assert fetch_rows(
        engine,
        "select after_at, until_at, is_open, gap_seconds >= 36000, usual_seconds, missed_count, missed_days, errors"
        " from analytics.gaps",
    ) == [(now - timedelta(hours=10), None, True, True, 3600, 9, 0, "Blocked × 1")]
    load(engine, now)
    assert fetch_rows(engine, "select until_at, is_open, missed_count from analytics.gaps") == [(now, False, 9)]


def test_a_clock_that_runs_ahead_leaves_no_open_gap(engine: Engine, now: datetime) -> None:
    load(engine, *(now + timedelta(hours=hour) for hour in range(-10, 10)))
    assert fetch_rows(engine, "select * from analytics.gaps") == []


@pytest.mark.parametrize(("hours_ago", "is_late"), [(1.2, False), (1.8, True)])
def test_freshness_by_the_account_s_own_rhythm(engine: Engine, now: datetime, hours_ago: float, is_late: bool) -> None:
    newest = now - timedelta(hours=hours_ago)
    load(engine, *(newest - timedelta(hours=hour) for hour in range(20, -1, -1)))
    [row] = fetch_rows(
        engine,
        "select account_key, name, observed_at, usual_seconds, is_late, failure_count, last_error"
        " from analytics.freshness",
    )
    assert row == ("main", "Corner Coffee", newest, 3600, is_late, 0, None)
    [(age,)] = fetch_rows(engine, "select age_seconds from analytics.freshness")
    assert age >= hours_ago * 3600


def test_freshness_shows_failures_since_the_latest_snapshot(engine: Engine, now: datetime) -> None:
    load(engine, *(now - timedelta(hours=hour) for hour in range(20, 4, -1)))
    load(engine, now - timedelta(minutes=1), account_id=7)
    fail(
        engine,
        (now - timedelta(hours=6), "Unavailable"),  # before the newest snapshot
        (now - timedelta(hours=4), "Unavailable"),
        (now - timedelta(hours=3), "Blocked"),
    )
    rows = fetch_rows(
        engine,
        "select account_id, is_late, usual_seconds, failure_count, last_failed_at, last_error, last_message is null"
        " from analytics.freshness order by account_id",
    )
    failed_at = now - timedelta(hours=3) + timedelta(minutes=1)
    assert rows == [
        (7, False, None, 0, None, None, True),
        (ACCOUNT_ID, True, 3600, 2, failed_at, "Blocked", False),
    ]


def test_operations_md_finds_who_fails_and_since_when(engine: Engine) -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    [who_fails] = [sql for sql in re.findall(r"```sql\n(.+?)```", page, re.DOTALL) if "fails_since" in sql]
    load(engine, hours(0), hours(3))
    load(engine, hours(2), account_id=7)
    fail(engine, (hours(1), "Unavailable"), (hours(4), "Superseded"))  # loaded since; no failure
    fail(engine, (hours(1), "Blocked"), (hours(3), "Blocked"), (hours(5), "Unauthorized"), account_key=key_of(7))
    fail(engine, (hours(4), "SettingsError"), account_key="never-loaded")
    assert fetch_rows(engine, who_fails) == [
        (key_of(7), hours(3), 2, hours(5), f"Unauthorized at {hours(5):%H:%M}."),
        ("never-loaded", hours(4), 1, hours(4), f"SettingsError at {hours(4):%H:%M}."),
    ]


def test_every_load_that_ended_has_an_outcome(engine: Engine) -> None:
    load(engine, hours(0), hours(2))
    fail(engine, (hours(1), "Unavailable"), (hours(3), "Superseded"))
    fail(engine, (hours(4), "Unauthorized"), account_key="never-loaded")
    found = fetch_rows(
        engine,
        "select account_key, account_id, started_at, status, error, message from analytics.load_outcomes order by 3",
    )
    assert found == [
        ("main", ACCOUNT_ID, hours(0), "loaded", None, None),
        ("main", None, hours(1), "failed", "Unavailable", f"Unavailable at {hours(1):%H:%M}."),
        ("main", ACCOUNT_ID, hours(2), "loaded", None, None),
        ("main", None, hours(3), "superseded", "Superseded", f"Superseded at {hours(3):%H:%M}."),
        ("never-loaded", None, hours(4), "failed", "Unauthorized", f"Unauthorized at {hours(4):%H:%M}."),
    ]
