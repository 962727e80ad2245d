"""Trends, movers and jumps of stages, and the flows behind jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, text

from emulator import Emulator
from pipelines.customers.forget import forget_customer
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.publish import publish
from tests.accounts import EmulatedAccount, emulator_clock, fetch_rows
from tests.records import ACCOUNT_ID, account, origin, segment, snapshot, stage
from tests.scan_rows import insert_scan

START: Final = datetime(2026, 3, 2, 2, tzinfo=UTC)
FIRST, SECOND, THIRD = 11, 12, 13
VIEWS: Final = ("stage_trends", "stage_movers", "stage_jumps", "jump_flows")


def day(days: int) -> datetime:
    return START + timedelta(days=days)


def load(engine: Engine, at: datetime, *stage_ids: int, mode: Any = "periodicity", **changes: Any) -> None:
    stages = tuple(stage(stage_id, name=f"Stage {stage_id}") for stage_id in stage_ids)
    publish(engine, snapshot(at, account=account(mode, timezone="UTC"), stages=stages, **changes), origin())


def scan(engine: Engine, days: int, sizes: dict[int, int], *flows: tuple[int, int, int]) -> None:
    insert_scan(engine, day(days), sizes, flows, is_stage=True)


def test_an_account_without_scans_or_with_one(engine: Engine) -> None:
    load(engine, day(0), FIRST, SECOND)
    for view in VIEWS:
        assert fetch_rows(engine, f"select * from analytics.{view}") == []
    scan(engine, 0, {FIRST: 30, SECOND: 10})
    assert fetch_rows(
        engine,
        "select stage_id, name, observed_at, customers_count, observed_1_day_ago_at, change_1_day, size_rank,"
        " share_percent::text from analytics.stage_trends order by 1",
    ) == [
        (FIRST, "Stage 11", day(0), 30, None, None, 1, "75.0"),
        (SECOND, "Stage 12", day(0), 10, None, None, 2, "25.0"),
    ]
    for view in VIEWS[1:]:
        assert fetch_rows(engine, f"select * from analytics.{view}") == []


def test_trends_compare_with_the_scans_of_earlier_days(engine: Engine) -> None:
    """Without a scan 7 days before, with a stage that is new, and one that is deleted and empty."""
    load(engine, day(0), FIRST, THIRD)
    scan(engine, 0, {FIRST: 100, THIRD: 5})
    scan(engine, 85, {FIRST: 40, THIRD: 0})
    load(engine, day(86), FIRST, SECOND, gone_stage_ids=frozenset({THIRD}))
    scan(engine, 92, {FIRST: 50, SECOND: 1})
    scan(engine, 93, {FIRST: 44, SECOND: 8})
    assert fetch_rows(
        engine,
        "select stage_id, customers_count, count_1_day_ago, change_1_day, observed_7_days_ago_at, change_7_days,"
        " change_30_days, change_90_days, change_90_days_percent::text from analytics.stage_trends order by 1",
    ) == [
        (FIRST, 44, 50, -6, day(85), 4, -56, -56, "-56.0"),
        (SECOND, 8, 1, 7, day(85), None, None, None, None),
    ]
    assert fetch_rows(
        engine,
        "select days, direction, place, stage_id, before_count, change_count from analytics.stage_movers"
        " where days < 30 order by 1, 2",
    ) == [
        (1, "down", 1, FIRST, 50, -6),
        (1, "up", 1, SECOND, 1, 7),
        (7, "up", 1, FIRST, 40, 4),
    ]


def scanned_jump(engine: Engine, *, stages: bool = True) -> None:
    """Forty quiet days of scans, then customers that move from the first stage to the second."""
    load(engine, day(0), *((FIRST, SECOND) if stages else ()), mode="periodicity" if stages else "segments")
    for days in range(40):
        scan(engine, days, {FIRST: 200, SECOND: 100})
    scan(engine, 40, {FIRST: 164, SECOND: 140}, (FIRST, SECOND, 36), (0, SECOND, 7), (SECOND, 0, 3))


def test_a_jump_of_a_stage_is_explained_by_its_flows(engine: Engine) -> None:
    scanned_jump(engine)
    with engine.begin() as connection:
        for user_id, count in ((0, 27), (5, 9)):
            move = (ACCOUNT_ID, f"'{day(40).date()}'", FIRST, SECOND, user_id, count, False)
            connection.execute(text(f"insert into amocrm.stage_move values ({', '.join(map(str, move))})"))
    assert fetch_rows(
        engine,
        "select name, observed_date, previous_count, last_count, previous_observed_at, observed_at, missed_days,"
        " joined_count, left_count, unexplained_count, unexplained_percent::text from analytics.stage_jumps order by 1",
    ) == [
        ("Stage 11", day(40).date(), 200, 164, day(39), day(40), 0, 0, 36, 0, "0.0"),
        ("Stage 12", day(40).date(), 100, 140, day(39), day(40), 0, 43, 3, 0, "0.0"),
    ]
    columns = (
        "from_id, from_name, to_id, to_name, customers_count, automatic_percent::text, after_scan_date, until_scan_date"
    )
    dates = (day(39).date(), day(40).date())
    moved = (FIRST, "Stage 11", SECOND, "Stage 12", 36, "75.0", *dates)
    assert fetch_rows(
        engine, f"select place, place_id, {columns} from analytics.jump_flows order by place_id, from_id"
    ) == [
        ("stage", FIRST, *moved),
        ("stage", SECOND, *moved),
        ("stage", SECOND, SECOND, "Stage 12", None, None, 3, None, *dates),
        ("stage", SECOND, None, None, SECOND, "Stage 12", 7, None, *dates),
    ]


def test_in_segments_mode_stages_have_no_names(engine: Engine) -> None:
    scanned_jump(engine, stages=False)
    assert fetch_rows(engine, "select distinct name from analytics.stage_jumps") == [(None,)]
    assert fetch_rows(engine, "select distinct from_name, to_name from analytics.jump_flows") == [(None, None)]
    assert fetch_rows(engine, "select distinct name from analytics.stage_trends") == [(None,)]


def test_days_without_a_scan_are_within_the_jump(engine: Engine) -> None:
    load(engine, day(0), FIRST, SECOND)
    for days in range(40):
        scan(engine, days, {FIRST: 200})
    scan(engine, 43, {FIRST: 150}, (FIRST, SECOND, 50))
    assert fetch_rows(
        engine, "select missed_days, left_count, longest_gap_seconds / 86400 from analytics.stage_jumps"
    ) == [(3, 50, 4)]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_the_deletion_of_a_stage_and_a_change_of_mode_are_beside_the_jump(engine: Engine, is_deleted: bool) -> None:
    load(engine, day(0), FIRST, SECOND)
    for days in range(40):
        scan(engine, days, {FIRST: 200, SECOND: 50})
    at = day(40) - timedelta(hours=1)
    if is_deleted:
        load(engine, at, FIRST, gone_stage_ids=frozenset({SECOND}))
    else:
        load(engine, at, mode="segments", segments=(segment(1),))
    scan(engine, 40, {FIRST: 250, SECOND: 0}, (SECOND, FIRST, 50))
    rows = fetch_rows(
        engine, "select stage_id, changed_things, changes, joined_count from analytics.stage_jumps order by 1"
    )
    assert [(stage_id, joined) for stage_id, _, _, joined in rows] == [(FIRST, 50), (SECOND, 0)]
    for stage_id, things, changes, _ in rows:
        assert things == ("stage" if is_deleted else "account, segment, stage")
        found = {(one["thing"], one["thing_id"], one["change"]) for one in changes}
        assert ("stage", SECOND, "deleted") in found if is_deleted else ("stage", stage_id, "mode_off") in found
    names = fetch_rows(engine, "select distinct from_name, to_name from analytics.jump_flows")
    assert names == [("Stage 12", "Stage 11")]


def test_a_segment_that_loads_count_and_scans_explain_in_part(engine: Engine) -> None:
    """The load shows 40 more, the scan of the next night 30: ten joined and left again, or are hidden."""
    for days in range(40):
        publish(
            engine,
            snapshot(
                day(days) + timedelta(hours=20),
                account=account(timezone="UTC"),
                segments=(segment(1, 100 if days < 39 else 140),),
            ),
            origin(),
        )
        insert_scan(engine, day(days), {1: 100})
    select = (
        "select joined_count, left_count, unexplained_count, unexplained_percent::text from analytics.segment_jumps"
    )
    assert fetch_rows(engine, select) == [(None, None, None, None)]
    assert fetch_rows(engine, "select * from analytics.jump_flows") == []
    insert_scan(engine, day(40), {1: 130}, [(2, 1, 33), (1, 0, 3)])
    assert fetch_rows(engine, select) == [(33, 3, 10, "25.0")]
    assert fetch_rows(
        engine, "select place, from_id, to_id, to_name, customers_count from analytics.jump_flows order by 2"
    ) == [
        ("segment", 1, None, None, 3),
        ("segment", 2, 1, "Segment 1", 33),
    ]


def test_real_scans_of_both_modes_and_a_forgotten_customer(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    emulated = EmulatedAccount(emulator, engine, tmp_path, mode="periodicity")
    world = emulator.world
    first, second = (one.id for one in world.account(emulated.id).live_stages()[:2])
    context = LoadContext(engine, emulated.account, emulated.settings, clock=emulator_clock(emulator))
    customers = [world.add_customer(emulated.id, stage_id=first) for _ in range(4)]
    load_account(context)
    scan_customers(context)
    emulator.clock.advance(timedelta(days=1))
    world.move_customer(emulated.id, customers[0], second)
    assert forget_customer(engine, emulated.settings.data_dir, "main", emulated.id, customers[1])
    world.account(emulated.id).mode = "segments"
    load_account(context)
    scan_customers(context)
    trends = "select stage_id, customers_count, change_1_day, name is null from analytics.stage_trends"
    assert {(first, 2, -2, False), (second, 1, 1, False)} == set(fetch_rows(engine, trends))
    flows = fetch_rows(
        engine,
        "select other_id, joined_count, left_count from analytics.flows_between("
        ":id, 'stage', :place, '-infinity', 4, 'infinity', 2) order by 1",
        id=emulated.id,
        place=first,
    )
    assert flows == [(second, 0, 1), (None, 0, 1)]
