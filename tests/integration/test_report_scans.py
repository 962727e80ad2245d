"""The report's figures of scans of customers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.report.csv_export import csv_files
from pipelines.report.figures import Flow, Joins, read_figures
from pipelines.report.parquet import parquet_files
from pipelines.report.scan_tables import VIEWS, read_scan_tables
from pipelines.report.workbook import workbook_files
from tests.accounts import EmulatedAccount, emulator_clock


def test_sizes_flows_and_joins_of_the_account_s_mode(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = EmulatedAccount(emulator, engine, tmp_path, mode="periodicity")
    world = emulator.world
    first, second, third = (stage.id for stage in world.account(account.id).live_stages()[:3])
    vip, new = (world.add_segment(account.id, name) for name in ("VIP", "New"))
    context = LoadContext(engine, account.account, account.settings, clock=emulator_clock(emulator))
    load_account(context)
    plain = read_figures(engine, "main")
    assert (plain.stage_sizes, plain.flows, plain.joins) == ([], [], {})

    one, two, three = (world.add_customer(account.id, stage_id=first, segments=[vip]) for _ in range(3))
    scan_customers(context)
    emulator.clock.advance(timedelta(days=2))
    for customer in (one, two):
        world.move_customer(account.id, customer, second)
        world.leave_segment(account.id, customer, vip)
    world.join_segment(account.id, one, new)
    world.delete_customer(account.id, three)
    load_account(context)
    scan_customers(context)

    figures = read_figures(engine, "main")
    sizes = {trend.place_id: trend for trend in figures.stage_sizes}
    assert (sizes[second].customers_count, sizes[second].change_1_day, sizes[second].change_30_days) == (2, 2, None)
    assert [day.size for day in sizes[first].days] == [3, None, 0]
    assert sizes[third].customers_count == 0
    names = {stage.stage_id: stage.name for stage in figures.stages}
    assert figures.flows == [
        Flow(from_id=first, from_name=names[first], to_id=second, to_name=names[second], customers_count=2),
        Flow(from_id=first, from_name=names[first], to_id=None, to_name=None, customers_count=1),
    ]

    emulator.clock.advance(timedelta(hours=1))
    world.account(account.id).mode = "segments"
    load_account(context)
    figures = read_figures(engine, "main")
    assert figures.stage_sizes == []
    assert figures.flows == [Flow(from_id=vip, from_name="VIP", to_id=new, to_name="New", customers_count=1)]
    assert figures.joins == {
        vip: Joins(segment_id=vip, joined_count=0, left_count=3),
        new: Joins(segment_id=new, joined_count=1, left_count=0),
    }


@pytest.mark.parametrize("mode", ["periodicity", "segments"])
def test_exports_have_what_scans_found(emulator: Emulator, engine: Engine, tmp_path: Path, mode: str) -> None:
    account = EmulatedAccount(emulator, engine, tmp_path, mode=mode)
    first, second = (stage.id for stage in emulator.world.account(account.id).live_stages()[:2])
    context = LoadContext(engine, account.account, account.settings, clock=emulator_clock(emulator))
    load_account(context)
    assert read_scan_tables(engine, [read_figures(engine, "main")]) == []
    customers = [emulator.world.add_customer(account.id, stage_id=first) for _ in range(4)]
    scan_customers(context)
    emulator.clock.advance(timedelta(days=1))
    emulator.world.move_customer(account.id, customers[0], second, created_by=0)
    emulator.clock.advance(timedelta(hours=1))
    load_account(context)
    scan_customers(context)
    figures = [read_figures(engine, "main")]
    tables = read_scan_tables(engine, figures)
    files = dict(csv_files(figures, tables))
    assert set(files) >= {f"{view}.csv" for view in VIEWS}
    rows = {table.name: [dict(zip(table.types, row, strict=True)) for row in table.rows] for table in tables}
    [trend] = [row for row in rows["stage_trends"] if row["stage_id"] == first]
    assert (trend["account_key"], trend["customers_count"], trend["change_1_day"]) == ("main", 3, -1)
    assert str(trend["observed_at"]).endswith("+03:00")
    # In segments mode amoCRM lists no stages, so that one without customers is unknown.
    movers = [(first, -1), (second, 1)] if mode == "periodicity" else [(first, -1)]
    assert [(row["stage_id"], row["change_count"]) for row in rows["stage_movers"]] == movers
    moved = [(row["from_id"], row["to_id"], row["customers_count"]) for row in rows["place_flows_daily"]]
    assert moved == [(None, first, 4), (first, second, 1)]
    assert [row["is_automatic"] for row in rows["stage_moves"]] == [True]
    assert len(list(workbook_files(figures, tables))) == 1
    assert {name.removesuffix(".parquet") for name, _ in parquet_files(figures, tables)} >= set(VIEWS)
