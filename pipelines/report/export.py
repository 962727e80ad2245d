"""The report's figures as CSV, for spreadsheets.

Text that a spreadsheet would take for a formula gets an apostrophe in front (``inert_cell``). Numbers are written bare.
UTF-8 with the mark by which spreadsheets know it; instants are in UTC.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pipelines.report.figures import Figures
from pipelines.report.tables import ReportTable, build_tables

ENCODING: Final = "utf-8-sig"

MARKED: Final = ("\t", "\r", "\n", "|", "'")
"""Beginnings that get an apostrophe whatever follows: an own apostrophe too, which would be taken for ours."""

ACTIVE: Final = frozenset("=+-@\u2212")
"""What begins a formula; other widths and sizes of these count too."""

_SEPARATOR: Final = re.compile(r"([;\t|\r\n])")
"""Where a spreadsheet that expects another separator than the comma begins a new cell, quoted or not. Excel expects the
semicolon in countries that write 1,5: https://support.microsoft.com/office/5250ac4c-663c-47ce-937b-339e391393ba"""

_BLANK: Final = frozenset("\"'`\u2800\u3164\u115f\u1160\uffa0")
"""Beside blanks and invisible characters: quotes that are taken away, and letters that show nothing."""


def csv_files(figures: Figures) -> Iterator[tuple[str, bytes]]:
    """Name and contents of each file."""
    return ((f"{table.name}.csv", _format_csv(table).encode(ENCODING)) for table in build_tables(figures))


def format_cell(value: object) -> object:
    """A value as a CSV file is to hold it."""
    match value:
        case str():
            return inert_cell(value)
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return inert_cell(json.dumps(value, ensure_ascii=False, default=str))
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds")
        case _:
            return value


def inert_cell(text: str) -> str:
    """Text with an apostrophe before whatever would begin a formula.

    That is at its beginning, and after each character that another program may take for the separator of cells. Blanks
    and invisible characters in front do not count, since spreadsheets drop them.
    """
    first, *rest = _SEPARATOR.split(text)
    begin = "'" if text.startswith(MARKED) or _begins_active(first) else ""
    return begin + first + "".join(f"'{part}" if _begins_active(part) else part for part in rest)


def _begins_active(part: str) -> bool:
    first = next((character for character in part if not _is_dropped(character)), "")
    return unicodedata.normalize("NFKC", first)[:1] in ACTIVE if first else False


def _is_dropped(character: str) -> bool:
    return character in _BLANK or unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf"}


def _format_csv(table: ReportTable) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.types)
    writer.writerows([format_cell(value) for value in row] for row in table.rows)
    return text.getvalue()
