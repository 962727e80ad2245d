"""Numbers of a scan's day by stage and segment: sizes, flows, overlaps, and differences from amoCRM's counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement


def count_places(connection: Connection, values: dict[str, Any]) -> None:
    """Store the numbers of the scan whose readings and changes are in temporary tables."""
    names = ("insert_place_days", "insert_flows", "delete_overlaps", "insert_overlaps", "insert_differences")
    for name in names:
        connection.execute(statement(name), values)
