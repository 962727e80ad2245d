"""Loads with few changes: only new rows are parsed, and the tables are equal."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from faults.oracle import table_contents
from pipelines.amocrm.entities import parse_segment
from pipelines.load.rebuild import rebuild_account
from tests.accounts import Shop


@pytest.fixture(autouse=True)
def count_parsed_segments(account: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the segment rows that loads parse."""

    def counted(*args: Any) -> Any:
        account.parse_count += 1
        return parse_segment(*args)

    monkeypatch.setattr("pipelines.amocrm.row_cache.parse_segment", counted)


def test_only_new_rows_are_parsed(account: Shop, other_engine: Engine) -> None:
    gold = next(iter(account.world.account(account.id).fields[account.field].options))
    assert account.count_parsed(0) == 2
    account.world.set_size(account.id, account.vip, 11)
    assert account.count_parsed(1) == 0
    account.world.rename_segment(account.id, account.vip, "Very important")
    account.world.set_field_value(account.id, account.vip, account.field, gold)
    assert account.count_parsed(2) == 1
    third = account.world.add_segment(account.id, "Third")
    assert account.count_parsed(3) == 1
    account.world.delete_segment(account.id, third)
    assert account.count_parsed(4) == 0
    assert rebuild_account(account.engine, other_engine, account.id).snapshot_count == 5
    with other_engine.connect() as connection:
        assert table_contents(connection, account.id) == account.contents()


def test_rows_are_cached_once(account: Shop) -> None:
    account.load(0)
    remembered = account.rows("select ctid::text, segments::text from amocrm.row_memory")
    account.world.set_size(account.id, account.vip, 11)
    account.load(1)
    assert account.rows("select ctid::text, segments::text from amocrm.row_memory") == remembered


@pytest.mark.parametrize(
    "sql", ["delete from amocrm.row_memory", "update amocrm.row_memory set reading_code = 'of another version'"]
)
def test_without_a_cache_of_this_code_every_row_is_parsed(account: Shop, sql: str) -> None:
    account.load(0)
    account.execute(sql)
    account.world.set_size(account.id, account.vip, 11)
    assert account.count_parsed(1) == 2
    account.world.set_size(account.id, account.vip, 12)
    assert account.count_parsed(2) == 0


def test_a_returning_segment_is_parsed_again(account: Shop) -> None:
    """As after a switch of the mode that another program saw, which remembers nothing: its version is open no more."""
    account.load(0)
    remembered = account.rows("select segments::text from amocrm.row_memory")
    account.world.switch_mode(account.id, "periodicity")
    account.load(1)
    account.execute("update amocrm.row_memory set segments = '" + remembered[0][0].replace("'", "''") + "'")
    account.world.switch_mode(account.id, "segments")
    assert account.count_parsed(2) == 2
    versions = "select name, valid_to is null from amocrm.segment_version order by name, valid_from"
    assert account.rows(versions) == [("New", False), ("New", True), ("VIP", False), ("VIP", True)]


def test_anomalies_of_cached_rows_stay_open(account: Shop) -> None:
    born = account.world.add_field(account.id, "Born", "date")
    account.world.set_field_value(account.id, account.vip, born, 1772398801)
    account.load(0)
    lasting = "select kind from amocrm.quality_event where valid_to is null"
    assert account.rows(lasting) == [("date_off_midnight",)]
    account.world.set_size(account.id, account.new, 4)
    assert account.count_parsed(1) == 0
    assert account.rows(lasting) == [("date_off_midnight",)]
    account.world.set_field_value(account.id, account.vip, born, 1772341200)
    assert account.count_parsed(2) == 1
    assert account.rows(lasting) == []
