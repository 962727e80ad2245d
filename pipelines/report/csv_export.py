"""CSV export of the report's figures, for spreadsheets.

Text that a spreadsheet would evaluate as a formula is prefixed with an apostrophe (``inert_cell``).
The encoding is UTF-8 with a byte order mark, by which spreadsheets recognize it. Timestamps are in
UTC.
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
"""Prefixes that always get an apostrophe. The apostrophe is one of them, so that ours stays
distinguishable."""

ACTIVE: Final = frozenset("=+-@\u2212")
"""Characters that start a formula; full-width and small variants count, too."""

_SEPARATOR: Final = re.compile(r"([;\t|\r\n])")
"""Characters at which a spreadsheet with another separator than the comma starts a new cell, quoted
or not. Excel uses the semicolon in countries that write 1,5:
https://support.microsoft.com/office/5250ac4c-663c-47ce-937b-339e391393ba"""

_BLANK: Final = frozenset("\"'`\u2800\u3164\u115f\u1160\uffa0")
"""Characters that spreadsheets drop or show as blanks, beside Unicode's own blanks: quotes and
invisible letters."""


def csv_files(figures: Figures) -> Iterator[tuple[str, bytes]]:
    """Yield the name and contents of each file."""
    return ((f"{table.name}.csv", _format_csv(table).encode(ENCODING)) for table in build_tables(figures))


def format_cell(value: object) -> object:
    """Convert a value for the CSV writer."""
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
    """Prefix text with an apostrophe wherever it would start a formula.

    Checks the start of the text, and the position after each character that a spreadsheet may take
    for a separator. Skips leading blanks and invisible characters, since spreadsheets drop them.
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
