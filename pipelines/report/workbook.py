"""Excel export of the figures: one workbook, one sheet per table, with typed cells.

Spreadsheets of every locale read it alike. Text is stored as text, so no name becomes a formula or
a link. Instants are in the timezone of their account, because cells hold no offset; the sheet
"accounts" names it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]

from pipelines.report.figures import Figures
from pipelines.report.tables import ReportTable, build_tables

MAX_ROWS: Final = 1_048_576
"""Rows of a sheet, with its header. More rows continue on further sheets."""

MAX_TEXT: Final = 32_767
"""Characters of a cell."""

MAX_EXACT: Final = 10**15
"""Cells hold 15 significant digits; longer integers become text."""

FIRST_YEAR: Final = 1900
"""Cells hold no earlier dates; those become text."""

WIDTHS: Final = {"name": 32, "detail": 48}
DEFAULT_WIDTH: Final = 18


def workbook_files(accounts: Sequence[Figures], more: Sequence[ReportTable] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield the name and contents of the workbook: a sheet for each of the accounts' tables, and of more."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        latest = max(figures.state.observed_at for figures in accounts)
        workbook.set_properties({"created": latest.replace(tzinfo=None)})
        formats = {
            "header": workbook.add_format({"bold": True}),
            "date": workbook.add_format({"num_format": 14}),  # short date of the reader's locale
            "instant": workbook.add_format({"num_format": 22}),  # short date and time
        }
        for table in (_accounts_table(accounts), *build_tables(accounts), *more):
            for number, start in enumerate(range(0, max(len(table.rows), 1), MAX_ROWS - 1), start=1):
                sheet = workbook.add_worksheet(table.name if number == 1 else f"{table.name} {number}")
                _fill(sheet, table, table.rows[start : start + MAX_ROWS - 1], formats)
    yield f"{accounts[0].state.account_key if len(accounts) == 1 else 'accounts'}.xlsx", buffer.getvalue()


def _accounts_table(accounts: Sequence[Figures]) -> ReportTable:
    columns = ("account_key", "name", "customers_mode", "timezone", "country", "observed_date")
    return ReportTable(
        name="accounts",
        types=dict.fromkeys(columns, Any),
        rows=[tuple(getattr(figures.state, column) for column in columns) for figures in accounts],
    )


def _fill(sheet: Any, table: ReportTable, rows: Sequence[tuple[object, ...]], formats: Mapping[str, Any]) -> None:
    """Write the header and the rows, and freeze the header."""
    for column, name in enumerate(table.types):
        sheet.set_column(column, column, WIDTHS.get(name, DEFAULT_WIDTH))
        sheet.write_string(0, column, name, formats["header"])
    for row, values in enumerate(rows, start=1):
        for column, value in enumerate(values):
            _write_cell(sheet, row, column, value, formats)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(rows), len(table.types) - 1)


def _write_cell(sheet: Any, row: int, column: int, value: object, formats: Mapping[str, Any]) -> None:
    """Write a value into a cell of its type; a number that a spreadsheet would round is text."""
    match value:
        case None:
            pass
        case bool():
            sheet.write_boolean(row, column, value)
        case int() if abs(value) < MAX_EXACT:
            sheet.write_number(row, column, value)
        case Decimal() if value.is_finite():
            sheet.write_number(row, column, float(value))
        case datetime() if value.year >= FIRST_YEAR:
            sheet.write_datetime(row, column, value.replace(tzinfo=None, microsecond=0), formats["instant"])
        case date() if value.year >= FIRST_YEAR:
            sheet.write_datetime(row, column, value, formats["date"])
        case list() | dict():
            sheet.write_string(row, column, json.dumps(value, ensure_ascii=False, default=str)[:MAX_TEXT])
        case _:
            sheet.write_string(row, column, str(value)[:MAX_TEXT])
