"""Parquet: values and column types come back unchanged."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from pipelines.base.errors import SettingsError
from pipelines.report.figures import Figures
from pipelines.report.parquet import parquet_files
from pipelines.report.tables import build_tables
from tests.unit.report.test_page import NOW, figures


def read(shown: Figures) -> dict[str, Any]:
    return {name: pyarrow.parquet.read_table(io.BytesIO(contents)) for name, contents in parquet_files([shown])}


@pytest.mark.parametrize("name", ["=1+1", "'quoted", 'a "b",\nc', "Кофе ☕", "</script>", ""])
def test_every_value_comes_back(name: str) -> None:
    shown = replace(figures(name), stages=[])
    files = read(shown)
    for table in build_tables([shown]):
        found = files[f"{table.name}.parquet"]
        assert found.column_names == list(table.types)
        assert [tuple(row.values()) for row in found.to_pylist()] == table.rows


def test_types_are_those_of_the_columns_whatever_is_in_them() -> None:
    full = figures()
    nothing = replace(full, segments=[], stages=[], movers=[], jumps=[], changes=[], gaps=[], anomalies=[])
    with_rows, without = read(full), read(nothing)
    assert {name: table.schema for name, table in with_rows.items()} == {
        name: table.schema for name, table in without.items()
    }
    types = {
        f"{name.removesuffix('.parquet')}.{field.name}": str(field.type)
        for name, table in with_rows.items()
        for field in table.schema
    }
    assert types["segments.change_30_days"] == "int64"
    assert types["segments.share_percent"] == "decimal128(18, 4)"
    assert types["segment_sizes_daily.observed_date"] == "date32[day]"
    assert types["segment_sizes_daily.is_observed"] == "bool"
    assert types["changes.observed_at"] == "timestamp[us, tz=UTC]"
    assert types["stages.conditions"] == "string"
    assert not [column for column, kind in types.items() if kind in ("double", "float", "null")]


def test_rules_are_json() -> None:
    [stage] = read(figures("x"))["stages.parquet"].to_pylist()
    assert (stage["conditions"], stage["state_since_at"]) == ('[[{"type": "x"}]]', NOW)


def test_without_pyarrow_the_error_gives_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=r"pyarrow, which is not installed.*--format csv"):
        parquet_files([figures()])
