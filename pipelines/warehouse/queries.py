"""Named queries of ``sql/queries``, ready for SQLAlchemy. Each file holds the queries of one module."""

from __future__ import annotations

from functools import cache

from psycopg.sql import Composable
from sqlalchemy import Connection, TextClause, text

import sql


@cache
def statement(name: str) -> TextClause:
    """The query of that name; its parameters are written ``:name``. Raises ``KeyError`` for an unknown name."""
    return text(statement_text(name))


def statement_text(name: str) -> str:
    """The same query as plain text, for what only psycopg can do, such as COPY."""
    return sql.queries()[name]


def execute_as_is(connection: Connection, query: str | Composable) -> None:
    """Execute statements without parameters, so that ``%`` and ``:`` have no meaning in them."""
    plain = query if isinstance(query, str) else query.as_string()
    connection.exec_driver_sql(plain, execution_options={"no_parameters": True})
