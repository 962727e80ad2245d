"""Parquet export of the report's figures, for programs: every value keeps its type, and text is unchanged.

Integer columns stay integers even with missing values, percentages are decimals, and timestamps are
in UTC. A column's type does not depend on its values.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from types import ModuleType, NoneType
from typing import Any, Final, get_args

from pipelines.base.errors import SettingsError
from pipelines.report.figures import Figures
from pipelines.report.tables import ReportTable, build_tables

DECIMAL_PRECISION: Final = (18, 4)
"""Precision and scale of decimals; the views round to one decimal."""


def parquet_files(accounts: Sequence[Figures], more: Sequence[ReportTable] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield the name and contents of each file: the accounts' tables, and more.

    Raises ``SettingsError`` if pyarrow is not installed.
    """
    arrow = _import_pyarrow()
    tables = (*build_tables(accounts), *more)
    return ((f"{table.name}.parquet", _to_parquet(table, arrow)) for table in tables)


def _import_pyarrow() -> ModuleType:
    """Import pyarrow, an optional dependency of 45 MB."""
    try:
        arrow = import_module("pyarrow")
        import_module("pyarrow.parquet")
    except ImportError:
        raise SettingsError(
            "Parquet needs the package pyarrow, which is not installed.",
            advice=f"Install it ({shlex.quote(sys.executable)} -m pip install pyarrow), or export CSV: --format csv.",
        ) from None
    return arrow


def _to_parquet(table: ReportTable, arrow: ModuleType) -> bytes:
    """Write a table as a Parquet file in memory."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.types)
    arrays = [
        _to_array(column, annotation, arrow) for column, annotation in zip(columns, table.types.values(), strict=True)
    ]
    sink = arrow.BufferOutputStream()
    arrow.parquet.write_table(arrow.table(arrays, names=list(table.types)), sink)
    contents: bytes = sink.getvalue().to_pybytes()
    return contents


def _to_array(values: Iterable[object], annotation: Any, arrow: ModuleType) -> Any:
    """Convert a column to a typed array. Values of type ``Any`` become JSON."""
    if annotation is Any:
        values = (None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values)
    [python_type] = {python_type for python_type in get_args(annotation) if python_type is not NoneType} or {annotation}
    types = {
        Any: arrow.string(),
        str: arrow.string(),
        bool: arrow.bool_(),
        int: arrow.int64(),
        Decimal: arrow.decimal128(*DECIMAL_PRECISION),
        date: arrow.date32(),
        datetime: arrow.timestamp("us", tz="UTC"),
    }
    return arrow.array(values, types[python_type])
