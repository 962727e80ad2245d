"""The named statements of ``sql/statements``, ready for SQLAlchemy. What they mean is said in their files."""

from __future__ import annotations

from functools import cache

from psycopg.sql import Composable
from sqlalchemy import Connection, TextClause, text

import sql


@cache
def statement(name: str) -> TextClause:
    """The statement of ``sql/statements/<name>.sql``; its parameters are written ``:name`` there."""
    return text(statement_text(name))


def statement_text(name: str) -> str:
    """The same as plain text, for what only psycopg itself can do, such as COPY."""
    return sql.read(f"statements/{name}")


def execute_as_is(connection: Connection, query: str | Composable) -> None:
    """Execute one or several statements as they are: without parameters neither ``%`` nor ``:`` means anything."""
    plain = query if isinstance(query, str) else query.as_string()
    connection.exec_driver_sql(plain, execution_options={"no_parameters": True})
