"""Joins and leaves while a size changed, by the scans around the change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import Engine

from pipelines.warehouse.publish import publish
from pipelines.warehouse.readers import create_account_reader
from tests.accounts import fetch_rows
from tests.records import ACCOUNT_ID, account, origin, segment, snapshot
from tests.scan_rows import insert_scan

MONDAY: Final = datetime(2026, 6, 1, tzinfo=UTC)
VIP, NEW, OLD = 1, 2, 3


def at(days: int, hour: int, minute: int = 0) -> datetime:
    return MONDAY + timedelta(days=days, hours=hour, minutes=minute)


@pytest.fixture(autouse=True)
def loaded(engine: Engine) -> None:
    publish(engine, snapshot(at(0, 0), account=account(timezone="UTC"), segments=(segment(VIP, 100),)), origin())


def flows(
    engine: Engine, after_at: datetime, after_count: int, until_at: datetime, until_count: int, place: str = "segment"
) -> list[tuple[Any, ...]]:
    return fetch_rows(
        engine,
        "select other_id, joined_count, left_count, after_scan_date, until_scan_date"
        " from analytics.flows_between(:account, :place, :vip, :after_at, :after, :until_at, :until) order by 1",
        account=ACCOUNT_ID,
        place=place,
        vip=VIP,
        after_at=after_at,
        after=after_count,
        until_at=until_at,
        until=until_count,
    )


def scan(engine: Engine, days: int, hour: int, size: int, *moves: tuple[int, int, int]) -> date:
    return insert_scan(engine, at(days, hour), {VIP: size}, moves)


def test_flows_of_a_place_are_summed_by_the_other_place(engine: Engine) -> None:
    first = scan(engine, 0, 2, 100)
    last = scan(
        engine, 1, 2, 140, (NEW, VIP, 30), (OLD, VIP, 8), (VIP, OLD, 3), (0, VIP, 6), (VIP, 0, 1), (NEW, OLD, 9)
    )
    assert flows(engine, at(0, 2), 100, at(1, 2), 140) == [
        (NEW, 30, 0, first, last),
        (OLD, 8, 3, first, last),
        (None, 6, 1, first, last),
    ]


@pytest.mark.parametrize("hour", [1, 3, 8, 20, 23])
def test_a_jump_is_explained_by_the_scan_that_found_it_whenever_loads_run(engine: Engine, hour: int) -> None:
    """Scans run at 2 o'clock, loads at another hour; the jump is between the scans of the third and fourth day."""
    for day, size in enumerate((90, 100, 100, 140, 150)):
        scan(engine, day, 2, size, (NEW, VIP, size))
    day = 2 if hour < 2 else 1
    [(other, joined, _, first, last), _] = flows(engine, at(day, hour), 100, at(day + 1, hour), 140)
    assert (other, joined, (last - first).days) == (NEW, 140, 1)


def test_a_scan_right_after_each_load_explains_the_day_between_the_loads(engine: Engine) -> None:
    for day, size in enumerate((95, 100, 140)):
        scan(engine, day, 3, size, (NEW, VIP, size))
    assert flows(engine, at(1, 2, 59), 100, at(2, 2, 59), 140)[0][:2] == (NEW, 140)


def test_what_no_later_scan_has_seen_yet_is_not_covered(engine: Engine) -> None:
    assert flows(engine, at(0, 8), 100, at(1, 8), 140) == []
    scan(engine, 1, 3, 100, (NEW, VIP, 7))
    assert flows(engine, at(0, 8), 100, at(1, 8), 140) == []


def test_weekly_scans_and_several_of_a_day_give_whole_days(engine: Engine) -> None:
    first = scan(engine, 0, 2, 98)
    scan(engine, 0, 20, 100, (NEW, VIP, 2))
    scan(engine, 7, 2, 120, (NEW, VIP, 20))
    last = scan(engine, 7, 20, 145, (OLD, VIP, 25))
    assert flows(engine, at(3, 8), 100, at(4, 8), 140) == [
        (NEW, 20, 0, first, last),
        (OLD, 25, 0, first, last),
        (None, 0, 0, first, last),
    ]


def test_a_size_that_no_scan_has_seen_is_covered_without_an_explanation(engine: Engine) -> None:
    """The size jumped and fell back between two scans."""
    first, last = scan(engine, 0, 2, 100), scan(engine, 7, 2, 100)
    assert flows(engine, at(3, 8), 100, at(4, 8), 140) == [(None, 0, 0, first, last)]


def test_a_reader_of_another_account_gets_nothing(engine: Engine, postgres_url: str) -> None:
    publish(engine, snapshot(at(0, 0), account=account(id=2, timezone="UTC")), origin(account_key="other"))
    scan(engine, 0, 2, 100)
    scan(engine, 1, 2, 140, (NEW, VIP, 40))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for account_id, count in ((ACCOUNT_ID, 2), (2, 0)):
            reader = create_account_reader(engine, account_id)
            connection.execute(f"set session authorization {reader}".encode())
            call = "select * from analytics.flows_between(%s, 'segment', %s, %s, 100, %s, 140)"
            assert len(connection.execute(call, (ACCOUNT_ID, VIP, at(0, 2), at(1, 2))).fetchall()) == count
            connection.execute("reset session authorization")
