"""Rebuild tables from raw responses, and find rows changed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, text

from emulator import Emulator, World
from emulator.clock import Clock as EmulatorClock
from pipelines.base.errors import RebuildDiffers
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.load.rebuild import RebuildResult, diff_tables, rebuild_account
from pipelines.warehouse.engine import open_engine
from tests.accounts import account_settings, emulator_clock, fast_settings
from tests.command_line import run
from tests.conftest import NewDatabase
from tests.records import START

LOAD_INTERVAL = timedelta(hours=7)  # so that some days begin within the history, and some loads share a day


class LoadedHistory(NamedTuple):
    """Where a life was loaded."""

    database: str
    account_id: int


@pytest.fixture(scope="module")
def loaded_history(
    new_database: NewDatabase, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedHistory]:
    """A database with an account's whole life, to be copied."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        account_id = load_history(engine, tmp_path_factory.mktemp("life"))
        engine.dispose()
        yield LoadedHistory(database=str(engine.url.database), account_id=account_id)


@pytest.fixture
def engine(new_database: NewDatabase, loaded_history: LoadedHistory) -> Iterator[Engine]:
    """A copy of that database."""
    with new_database(loaded_history.database) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


def load_history(engine: Engine, root: Path) -> int:
    """Load an account in which something of every kind happens between the loads; its id."""
    world = World(clock=EmulatorClock(START))
    account_id = world.add_account("Corner Coffee")
    vip, cold, gone = (world.add_segment(account_id, name, size=10) for name in ("VIP", "Cold", "Gone"))
    note = world.add_field(account_id, "Note", "text")
    region = world.add_field(account_id, "Region", "select", options=("North", "South"))
    [north, south] = sorted(world.account(account_id).fields[region].options)
    world.set_field_value(account_id, cold, region, north)
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: world.rename_segment(account_id, vip, "VIP club"),
        lambda: world.set_size(account_id, vip, 12),
        lambda: world.set_field_value(account_id, vip, note, "by the sea"),
        lambda: world.delete_segment(account_id, gone),
        lambda: world.rename_option(account_id, region, south, "Süd"),
        lambda: world.set_segment_extra(account_id, cold, "customers_count", None),
        lambda: world.switch_mode(account_id, "periodicity"),
        lambda: world.switch_mode(account_id, "segments"),
        lambda: world.set_price_fields(account_id, cold, [11]),
    ]
    with Emulator(world=world) as emulator:
        account, settings = account_settings(emulator, account_id), fast_settings(root)
        for number, change in enumerate(changes):
            change()
            emulator.clock.set(START + number * LOAD_INTERVAL)
            load_account(LoadContext(engine, account, settings, clock=emulator_clock(emulator)))
    return account_id


def purge_before(engine: Engine, instant: datetime) -> None:
    """Purge the answers of loads before an instant."""
    with engine.begin() as connection:
        connection.execute(text("delete from amocrm.raw_answer where observed_at < :instant"), {"instant": instant})


def test_rebuilding_from_any_snapshot_gives_the_stored_rows(
    engine: Engine, new_database: NewDatabase, migrated_template: str, loaded_history: LoadedHistory
) -> None:
    for older in (0, 3, 5, 6, 7, 9):
        since = START + older * LOAD_INTERVAL
        purge_before(engine, since)
        with new_database(migrated_template) as url:
            target = open_engine(url)
            assert rebuild_account(engine, target, loaded_history.account_id) == RebuildResult(
                since=since, snapshot_count=10 - older, older_count=older
            )
            compared = diff_tables(engine, target, loaded_history.account_id, since)
            target.dispose()
        assert (compared.only_stored, compared.only_rebuilt) == ((), ()), older
        assert compared.row_count > 10 - older


def test_rebuild_starts_after_a_missing_load(
    engine: Engine, other_engine: Engine, loaded_history: LoadedHistory
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("delete from amocrm.raw_answer where observed_at = :at"), {"at": START + 4 * LOAD_INTERVAL}
        )
    assert rebuild_account(engine, other_engine, loaded_history.account_id) == RebuildResult(
        since=START + 5 * LOAD_INTERVAL, snapshot_count=5, older_count=5
    )


@pytest.mark.parametrize(
    ("forgery", "table"),
    [
        ("update amocrm.segment_size set customers_count = 11 where customers_count = 12", "segment_size"),
        (
            "update amocrm.segment_version set name = 'VIP' where valid_to is null and name = 'VIP club'",
            "segment_version",
        ),
        ("update amocrm.segment_size_daily set max_count = 99 where max_count = 12", "segment_size_daily"),
        ("delete from amocrm.segment_field_value where text_value = 'by the sea'", "segment_field_value"),
        ("update amocrm.snapshot set size_change_count = 7 where size_change_count = 1", "snapshot"),
    ],
)
def test_rows_changed_by_hand_are_found(
    engine: Engine, other_engine: Engine, loaded_history: LoadedHistory, forgery: str, table: str
) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(forgery)).rowcount
    rebuild_account(engine, other_engine, loaded_history.account_id)
    compared = diff_tables(engine, other_engine, loaded_history.account_id, START)
    assert not compared.is_same
    assert {name for name, _ in (*compared.only_stored, *compared.only_rebuilt)} == {table}


def test_without_answers_there_is_nothing_to_compare(
    engine: Engine, other_engine: Engine, loaded_history: LoadedHistory
) -> None:
    purge_before(engine, START + 100 * LOAD_INTERVAL)
    assert rebuild_account(engine, other_engine, loaded_history.account_id) == RebuildResult(
        since=None, snapshot_count=0, older_count=10
    )


def test_the_command_reports_differences(engine: Engine, tmp_path: Path) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    told = run("rebuild", folder=tmp_path, DATABASE_URL=url)
    assert told.returncode == 0, told.stderr
    assert "10 snapshots since 2026-03-01" in told.stdout
    assert "equal to the stored ones" in told.stdout
    with engine.begin() as connection:
        connection.execute(text("update amocrm.segment_size set customers_count = 11 where customers_count = 12"))
    told = run("rebuild", folder=tmp_path, DATABASE_URL=url)
    assert told.returncode == RebuildDiffers.exit_code
    assert "only stored: segment_size" in told.stdout
    assert "2 stored rows and 2 rebuilt rows differ" in told.stderr
