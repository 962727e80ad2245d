"""Several statements in one round trip to Postgres, by psycopg's pipeline mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from pipelines.warehouse.engine import BLOCKED_ERRORS, ENGINE_BY_ERROR
from pipelines.warehouse.queries import statement

Call: TypeAlias = tuple[str, Mapping[str, Any]]
"""Name of a query, and its parameters."""


def execute_together(connection: Connection, *calls: Call) -> list[Sequence[Any]]:
    """Execute the queries in order, and return the rows of each; none for a statement without result.

    Raises psycopg's errors, which ``transaction`` translates.
    """
    if not calls:
        return []
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.pipeline():
            cursors = [
                driver.cursor(row_factory=namedtuple_row).execute(_driver_text(name), parameters)
                for name, parameters in calls
            ]
    except BLOCKED_ERRORS as error:
        ENGINE_BY_ERROR[error] = connection.engine
        raise
    return [cursor.fetchall() if cursor.description else () for cursor in cursors]


@cache
def _driver_text(name: str) -> str:
    """Return a query with the driver's placeholders."""
    return str(statement(name).compile(dialect=PGDialect_psycopg()))  # type: ignore[no-untyped-call]
