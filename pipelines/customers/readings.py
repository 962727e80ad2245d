"""Comparison of a scan with the one before: a reading per customer of each, and the changes between them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipelines.warehouse.queries import execute_as_is, statement, statement_text


def compare_readings(connection: Connection, values: dict[str, Any], started_at: datetime | None) -> None:
    """Create the temporary tables of the scan's readings, of those of the scan before, and of the changes.

    Known customers that the scan could not read stay where they were; forgotten ones are gone. ``started_at`` is that
    of the scan before; None if there is none.
    """
    execute_as_is(connection, statement_text("create_readings"))
    connection.execute(statement("insert_readings"), values | {"is_new": True})
    connection.execute(statement("insert_readings"), values | {"is_new": False, "started_at": started_at})
    connection.execute(statement("keep_unread"), values)
    connection.execute(statement("end_forgotten"), values)
    execute_as_is(connection, statement_text("create_changes"))


def keep_for_next_scan(connection: Connection, values: dict[str, Any]) -> None:
    """Store which customers the scan could not read, or did not request, for the comparison of the next one."""
    for name in ("insert_kept_pages", "insert_denied_page"):
        connection.execute(statement(name), values)
