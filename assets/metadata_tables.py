"""Small tables in metadata, which Dagster's UI shows as plain text whatever the cells contain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import dagster as dg

MAX_ROWS: Final = 20
"""Rows that are shown. Dagster stores the metadata of every load."""


def small_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | int | None]]
) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Build a table of the first rows, with the count of the others; the text 'none' if there are no rows."""
    found = list(rows)
    if not found:
        return dg.MetadataValue.text("none")
    shown = [[_format_cell(value) for value in row] for row in found[:MAX_ROWS]]
    if len(found) > MAX_ROWS:
        shown.append([f"and {len(found) - MAX_ROWS} more", *[""] * (len(columns) - 1)])
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(columns, row, strict=True))) for row in shown],
        schema=dg.TableSchema(columns=[dg.TableColumn(name=column, type="text") for column in columns]),
    )


def _format_cell(value: str | int | None) -> str:
    return f"{value:,}" if isinstance(value, int) else value or ""
