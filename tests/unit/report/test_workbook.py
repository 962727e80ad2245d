"""Excel workbook: typed cells, a sheet per table, and no text that becomes a formula."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from pipelines.report import workbook
from pipelines.report.figures import Figures
from pipelines.report.tables import build_tables
from pipelines.report.workbook import workbook_files
from tests.unit.report.test_page import figures

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read(*accounts: Figures) -> dict[str, list[list[tuple[str, str]]]]:
    """Rows of each sheet; a cell is its type and its text."""
    [(_, contents)] = workbook_files(accounts)
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:

        def parse(name: str) -> ET.Element:
            return ET.fromstring(archive.read(f"xl/{name}.xml"))  # noqa: S314 - our own file

        texts = ["".join(part.text or "" for part in entry.iter(f"{MAIN}t")) for entry in parse("sharedStrings")]
        sheets = parse("workbook").iter(f"{MAIN}sheet")
        found = {}
        for number, sheet in enumerate(sheets, start=1):
            root = parse(f"worksheets/sheet{number}")
            assert not list(root.iter(f"{MAIN}f")), "a formula"
            assert not list(root.iter(f"{MAIN}hyperlink"))
            found[sheet.attrib["name"]] = [
                [
                    ("s", texts[int(cell.findtext(f"{MAIN}v") or "")])
                    if cell.get("t") == "s"
                    else (cell.get("t", "n"), cell.findtext(f"{MAIN}v") or "")
                    for cell in row
                ]
                for row in root.iter(f"{MAIN}row")
            ]
    return found


def record(rows: list[list[tuple[str, str]]]) -> dict[str, tuple[str, str]]:
    """Return the cells of the first row by column."""
    return {name: cell for (_, name), cell in zip(rows[0], rows[1], strict=False)}


@pytest.mark.parametrize("name", ["=1+1", "{=A1}", "https://example.com", "0012", "\x01\uffff", " ☕ ", "x" * 40_000])
def test_a_name_stays_text(name: str) -> None:
    sheets = read(figures(name))
    kind, shown = sheets["segments"][1][2]
    assert kind == "s"
    assert len(shown) == len(name[: workbook.MAX_TEXT]) or name.startswith("\x01")


def test_every_table_is_a_sheet_whose_cells_have_types() -> None:
    shown = figures("VIP")
    sheets = read(shown, replace(shown, state=replace(shown.state, account_key="zenith")))
    assert list(sheets) == ["accounts", *(table.name for table in build_tables([]))]
    assert [row[0][1] for row in sheets["segments"]] == ["account_key", "shop", "zenith"]
    first = {name: record(rows) for name, rows in sheets.items()}
    assert first["segments"]["customers_count"] == ("n", "1009")
    assert first["segments"]["change_7_days_percent"] == ("n", "0.7")
    assert first["segment_sizes_daily"]["observed_date"] == ("n", str((date(2026, 3, 1) - date(1899, 12, 30)).days))
    assert first["segment_sizes_daily"]["is_observed"] == ("b", "1")
    assert Decimal(first["data_quality"]["valid_from"][1]) % 1 == Decimal("0.625"), "12:00 UTC is 15:00 in Moscow"


def test_more_rows_than_a_sheet_holds_continue_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_ROWS", 7)
    sheets = read(figures("VIP"))
    assert [len(sheets[name]) for name in ("segment_sizes_daily", "segment_sizes_daily 2")] == [7, 5]
