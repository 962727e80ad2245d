"""The report's figures as CSV, for spreadsheets.

Text that a spreadsheet would take for a formula, since it begins with ``= + - @``, a tab or a carriage return, gets an
apostrophe in front; so does text that begins with one already, so that taking the first one away gives back what was
there. Numbers are written bare. UTF-8 with the mark by which spreadsheets know it; instants are in UTC.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pipelines.report.figures import Figures
from pipelines.report.tables import Table, tables

ENCODING: Final = "utf-8-sig"
RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def csv_files(figures: Figures) -> Iterator[tuple[str, bytes]]:
    """Name and contents of each file."""
    return ((f"{table.name}.csv", _csv(table).encode(ENCODING)) for table in tables(figures))


def cell(value: object) -> object:
    """A value as a CSV file is to hold it."""
    match value:
        case str():
            return f"'{value}" if value.startswith(RISKY) else value
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds")
        case _:
            return value


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.types)
    writer.writerows([cell(value) for value in row] for row in table.rows)
    return text.getvalue()
