"""Loads in which little changed: only new rows are read, and the tables are those of reading all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from emulator import Emulator
from emulator.clock import Clock as EmulatorClock
from faults.oracle import table_contents
from pipelines.amocrm.things import read_segment
from pipelines.rebuild import rebuild_account
from tests.records import START
from tests.shop import Shop


@pytest.fixture
def shop(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The shop, its emulator running, and a count of the segments' rows that loads read."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        shop = Shop(emulator, engine, tmp_path)

        def counted(*args: Any) -> Any:
            shop.read_count += 1
            return read_segment(*args)

        monkeypatch.setattr("pipelines.amocrm.recall.read_segment", counted)
        yield shop


def test_only_rows_that_are_new_are_read(shop: Shop, other_engine: Engine) -> None:
    gold = next(iter(shop.world.account(shop.id).fields[shop.field].options))
    assert shop.reads(0) == 2
    shop.world.set_size(shop.id, shop.vip, 11)
    assert shop.reads(1) == 0
    shop.world.rename_segment(shop.id, shop.vip, "Very important")
    shop.world.set_field_value(shop.id, shop.vip, shop.field, gold)
    assert shop.reads(2) == 1
    third = shop.world.add_segment(shop.id, "Third")
    assert shop.reads(3) == 1
    shop.world.delete_segment(shop.id, third)
    assert shop.reads(4) == 0
    assert rebuild_account(shop.engine, other_engine, shop.id).snapshot_count == 5
    with other_engine.connect() as connection:
        assert table_contents(connection, shop.id) == shop.contents()


def test_rows_are_remembered_once(shop: Shop) -> None:
    shop.load(0)
    remembered = shop.rows("select ctid::text, segments::text from amocrm.row_memory")
    shop.world.set_size(shop.id, shop.vip, 11)
    shop.load(1)
    assert shop.rows("select ctid::text, segments::text from amocrm.row_memory") == remembered


@pytest.mark.parametrize(
    "sql", ["delete from amocrm.row_memory", "update amocrm.row_memory set reading_code = 'of another version'"]
)
def test_without_a_memory_of_this_code_every_row_is_read(shop: Shop, sql: str) -> None:
    shop.load(0)
    shop.do(sql)
    shop.world.set_size(shop.id, shop.vip, 11)
    assert shop.reads(1) == 2
    shop.world.set_size(shop.id, shop.vip, 12)
    assert shop.reads(2) == 0


def test_a_segment_that_comes_back_as_it_was_is_read_after_all(shop: Shop) -> None:
    """As after a switch of the mode that another program saw, which remembers nothing: its version is open no more."""
    shop.load(0)
    remembered = shop.rows("select segments::text from amocrm.row_memory")
    shop.world.switch_mode(shop.id, "periodicity")
    shop.load(1)
    shop.do("update amocrm.row_memory set segments = '" + remembered[0][0].replace("'", "''") + "'")
    shop.world.switch_mode(shop.id, "segments")
    assert shop.reads(2) == 2
    versions = "select name, valid_to is null from amocrm.segment_version order by name, valid_from"
    assert shop.rows(versions) == [("New", False), ("New", True), ("VIP", False), ("VIP", True)]


def test_oddities_of_rows_that_are_not_read_go_on(shop: Shop) -> None:
    born = shop.world.add_field(shop.id, "Born", "date")
    shop.world.set_field_value(shop.id, shop.vip, born, 1772398801)
    shop.load(0)
    lasting = "select kind from amocrm.quality_event where valid_to is null"
    assert shop.rows(lasting) == [("date_off_midnight",)]
    shop.world.set_size(shop.id, shop.new, 4)
    assert shop.reads(1) == 0
    assert shop.rows(lasting) == [("date_off_midnight",)]
    shop.world.set_field_value(shop.id, shop.vip, born, 1772341200)
    assert shop.reads(2) == 1
    assert shop.rows(lasting) == []
