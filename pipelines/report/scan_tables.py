"""Tables for export of what scans of customers found: sizes of stages, jumps and flows, as the views have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pipelines.report.figures import SCAN_DAYS, Figures
from pipelines.report.tables import ReportTable
from pipelines.warehouse.catalog import CatalogColumn, read_packaged_catalog
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import require_account_id

VIEWS: Final = (
    "stage_trends",
    "stage_sizes_daily",
    "stage_movers",
    "stage_jumps",
    "jump_flows",
    "place_flows_daily",
    "segment_joins_daily",
    "stage_moves",
)
"""Exported views. Flows and moves are those of the last ``SCAN_DAYS``, other rows those of the report's period."""

EXCLUDED: Final = frozenset({"account_id", "changes"})
"""Columns that are left out: the account's key is the first one, and changes have a table of their own."""

PYTHON_TYPES: Final[dict[str, Any]] = {
    "bigint": int | None,
    "boolean": bool | None,
    "date": date | None,
    "integer": int | None,
    "numeric": Decimal | None,
    "text": str | None,
    "timestamp with time zone": datetime | None,
}


def read_scan_tables(engine: Engine, accounts: Sequence[Figures]) -> list[ReportTable]:
    """Read the tables of the accounts with scans of customers; none if no account has one."""
    columns = {
        table.name: [column for column in table.columns if column.name not in EXCLUDED]
        for table in read_packaged_catalog()
        if table.key in {("analytics", view) for view in VIEWS}
    }
    rows: dict[str, list[tuple[object, ...]]] = {view: [] for view in VIEWS}
    for figures in accounts:
        with transaction(engine, account=figures.state.account_key) as connection:
            for view in VIEWS:
                rows[view] += _read_rows(connection, view, columns[view], figures)
    return [
        ReportTable(
            name=view,
            types={"account_key": str} | {column.name: PYTHON_TYPES[column.type] for column in columns[view]},
            rows=rows[view],
        )
        for view in VIEWS
        if rows["stage_trends"]
    ]


def _read_rows(
    connection: Connection, view: str, columns: Sequence[CatalogColumn], figures: Figures
) -> Iterator[tuple[object, ...]]:
    """Read an account's rows of a view, with instants in the account's timezone."""
    key = figures.state.account_key
    parameters = {
        "account_id": require_account_id(connection, key),
        "first_date": figures.first_date,
        "first_flow_date": max(figures.first_date, figures.state.observed_date - timedelta(days=SCAN_DAYS)),
    }
    zone = ZoneInfo(figures.state.timezone)
    for row in connection.execute(statement(view), parameters):
        values = (getattr(row, column.name) for column in columns)
        yield key, *(value.astimezone(zone) if isinstance(value, datetime) else value for value in values)
