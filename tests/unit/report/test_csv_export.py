"""CSV: values come back unchanged, and no text becomes a formula."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.base.errors import SettingsError
from pipelines.report.csv_export import CsvLocale, csv_files, format_cell, inert_cell
from tests.unit.report.test_page import figures


def read(contents: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(contents.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("name", ["=1+1", "+7 999", "-5", "@SUM(A1)", "\tx", "\rx", "'quoted", " =1"])
def test_text_never_begins_as_a_formula_does(name: str) -> None:
    for file, contents in csv_files([figures(name)]):
        rows = read(contents)
        assert rows, file
        assert not [one for row in rows for one in row.values() if one == name], file
    assert read(dict(csv_files([figures(name)]))["segments.csv"])[0]["name"] == f"'{name}"


BLANKS = " \t\n\r\v\f\0\x1f\x85\u00a0\u00ad\u200b\u200e\u202e\u2028\u2060\u2800\u3000\u3164\ufeff\"'"
FORMULAS = ["=1+1", "+7", "-5", "@SUM(A1)", "＝1", "＋1", "－1", "＠A", "\u22121"]


@given(st.text(st.characters(exclude_characters="=+-@|＝＋－＠\u2212;\t\r\n'", exclude_categories=["Cs", "No", "Sm"])))
def test_text_without_active_characters_stays_as_it_is(text: str) -> None:
    written = str(format_cell(text))
    assert written == text or not text.isascii()
    assert written.replace("'", "") == text


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("blank", ["", *BLANKS, "\ufeff \u00a0", '" '])
def test_a_blank_does_not_hide_a_formula(blank: str, formula: str) -> None:
    written = str(format_cell(blank + formula))
    assert written.startswith("'")
    assert not re.search(rf"(?:^|[\t\r\n])[{BLANKS}]*{re.escape(formula)}", written.replace("'", "x"))


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("separator", [";", "\t", "|", "\n", "\r", ';"', "; ", ";\ufeff"])
def test_a_separator_in_a_name_begins_no_formula(separator: str, formula: str) -> None:
    assert inert_cell(f"VIP{separator}{formula}") == f"VIP{separator[0]}'{separator[1:]}{formula}"


def test_harmless_names_are_written_as_they_are() -> None:
    names = ["VIP", "Зерно; чай", "a - b", "x = y", "10|20", "5", "", "name@example.org", "первая\nвторая"]
    assert [format_cell(name) for name in names] == names


def as_a_spreadsheet_splits(contents: str, delimiter: str) -> list[str]:
    """The cells, as a spreadsheet makes them that expects this separator; stripped of what it drops."""
    lines = csv.reader(io.StringIO(contents, newline=""), delimiter=delimiter)
    return [one.strip(BLANKS.replace("'", "")) for line in lines for one in line]


@given(st.data(), st.sampled_from(",;\t|"))
def test_no_cell_begins_a_formula_whatever_the_separator(data: st.DataObject, delimiter: str) -> None:
    letters = st.one_of(
        st.sampled_from(BLANKS + "=+-@＝＋－＠;,|a1"), st.characters(exclude_categories=["Cs"], max_codepoint=0x3000)
    )
    name = data.draw(st.text(letters, max_size=20))
    text = io.StringIO()
    csv.writer(text).writerows([[1, format_cell(name), -5], [format_cell([name]), format_cell(name), True]])
    for one in as_a_spreadsheet_splits(text.getvalue(), delimiter):
        number = one.strip("[]").replace(",", "")
        assert not one.startswith(tuple("=+-@＝＋－＠")) or number in {"-5", ""}, (name, one)


def test_other_values_are_written_bare() -> None:
    instant = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=3)))
    values = [-5, Decimal("-0.7"), None, True, False, instant]
    assert [format_cell(value) for value in values] == [
        -5,
        Decimal("-0.7"),
        None,
        "true",
        "false",
        "2026-02-28T22:00:00+00:00",
    ]


def test_rows_and_columns() -> None:
    files = {name: read(contents) for name, contents in csv_files([figures('a "b",\nc')])}
    assert list(files["segment_sizes_daily.csv"][0]) == [
        "account_key",
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


def test_a_locale_writes_what_its_spreadsheets_read() -> None:
    shown = figures("Кофе; чай")
    russian = dict(csv_files([shown], locale=CsvLocale.parse("ru-RU")))
    [segment] = list(
        csv.DictReader(io.StringIO(russian["segments.csv"].decode("utf-8-sig"), newline=""), delimiter=";")
    )
    assert (segment["account_key"], segment["name"], segment["change_7_days_percent"]) == ("shop", "Кофе; чай", "0,7")
    assert b";10.03.2026;1009;" in russian["segment_sizes_daily.csv"]
    assert b"10.03.2026 15:00:00" in russian["data_quality.csv"], "the account's time, three hours after UTC"
    american = dict(csv_files([shown], locale=CsvLocale.parse("en_US")))
    assert b",3/10/2026,1009," in american["segment_sizes_daily.csv"]
    assert CsvLocale.parse("bg_BG").format_cell(date(2026, 3, 1)) == "1.03.2026"
    with pytest.raises(SettingsError, match="'xx_YY' is not a known locale"):
        CsvLocale.parse("xx_YY")


def test_several_accounts_share_a_file() -> None:
    other = figures("VIP")
    other = replace(other, state=replace(other.state, account_key="zenith"))
    for name, contents in csv_files([figures("VIP"), other]):
        assert {row["account_key"] for row in read(contents)} == {"shop", "zenith"}, name
