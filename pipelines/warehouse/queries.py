"""Named queries of ``sql/queries``, ready for SQLAlchemy.

Each file holds the queries of one module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from psycopg.sql import Composable
from sqlalchemy import Connection, TextClause, text

import sql

Record = TypeVar("Record")


@cache
def statement(name: str) -> TextClause:
    """Return a query by name; its parameters are written ``:name``.

    Raises ``KeyError`` for an unknown name.
    """
    return text(statement_text(name))


def statement_text(name: str) -> str:
    """Return a query as text, for statements that SQLAlchemy cannot execute, such as COPY."""
    return sql.queries()[name]


def execute_as_is(connection: Connection, query: str | Composable) -> None:
    """Execute statements without parameters, so that ``%`` and ``:`` are literal."""
    plain = query if isinstance(query, str) else query.as_string()
    connection.exec_driver_sql(plain, execution_options={"no_parameters": True})


def read_records(
    connection: Connection, name: str, parameters: dict[str, Any], record_type: Callable[..., Record]
) -> list[Record]:
    """Execute a query whose columns are the attributes of ``record_type``."""
    return [record_type(**row._asdict()) for row in connection.execute(statement(name), parameters)]
