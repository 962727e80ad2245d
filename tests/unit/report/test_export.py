"""Figures as CSV: what was put in comes out again, and no text becomes a formula."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.export import RISKY, cell, csv_files
from tests.unit.report.test_page import figures


def read(contents: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(contents.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("name", ["=1+1", "+7 999", "-5", "@SUM(A1)", "\tx", "\rx", "'quoted"])
def test_text_never_begins_as_a_formula_does(name: str) -> None:
    for file, contents in csv_files(figures(name)):
        rows = read(contents)
        assert rows, file
        assert not [one for row in rows for one in row.values() if one == name], file
    assert read(dict(csv_files(figures(name)))["segments.csv"])[0]["name"] == f"'{name}"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_text_comes_back(text: str) -> None:
    written = str(cell(text))
    assert written.removeprefix("'") == text
    assert text == "" or written.startswith("'") or not written.startswith(RISKY)


def test_other_values_are_written_bare() -> None:
    instant = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=3)))
    values = [-5, Decimal("-0.7"), None, True, False, instant]
    assert [cell(value) for value in values] == [
        -5,
        Decimal("-0.7"),
        None,
        "true",
        "false",
        "2026-02-28T22:00:00+00:00",
    ]


def test_rows_and_columns() -> None:
    files = {name: read(contents) for name, contents in csv_files(figures('a "b",\nc'))}
    assert list(files["segment_sizes_daily.csv"][0]) == [
        "segment_id",
        "name",
        "observed_date",
        "last_count",
        "is_observed",
    ]
    assert [row["last_count"] for row in files["segment_sizes_daily.csv"]] == [str(size) for size in range(1000, 1010)]
    assert files["segments.csv"][0]["name"] == 'a "b",\nc'
    assert files["segments.csv"][0]["change_30_days"] == ""
    assert files["segment_jumps.csv"][0]["change_count"] == "-30"
    assert {name for name, rows in files.items() if len(rows) != 1} == {"segment_sizes_daily.csv"}
