"""The login of a tool that we set up and that only reads, in the role that reads all accounts."""

from __future__ import annotations

import secrets
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.errors import DatabaseError, MigrationError
from pipelines.warehouse.engine import database_errors
from pipelines.warehouse.roles import role_names
from pipelines.warehouse.statements import execute_as_is, statement

MAY_NOT: Final = "42501"
"""SQLSTATE of a right that is lacking."""
STATEMENT_TIMEOUT: Final = "60s"


def reader_address(engine: Engine, login: str) -> URL:
    """Where and as whom such a tool connects. It holds a password.

    Where we are a reader ourselves, that is as we do. Else ``login`` is made if need be, in the role that reads,
    with a new password each time: whoever used the one before has to be told this one. Raises ``MigrationError``
    where there is nothing to read yet, and ``DatabaseError`` where we may make no logins.
    """
    with database_errors(), engine.begin() as connection:
        reader = role_names(connection).reader
        there = connection.execute(statement("who_reads"), {"reader": reader}).one()
        if there.is_reader:
            return engine.url
        if not there.is_ready:
            raise MigrationError(
                f"The database has no role {reader}, or no views for it.", advice="Run './run migrate' first."
            )
        password = secrets.token_urlsafe(24)
        try:
            make_login(connection, login, password, reader)
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error) and error.orig.sqlstate == MAY_NOT:
                raise DatabaseError(
                    f"The role of DATABASE_URL may not make the login '{login}'.",
                    advice="Have one made as docs/dashboards.md says, and start with it as DATABASE_URL.",
                ) from None
            raise
        return engine.url.set(username=login, password=password)


def make_login(connection: Connection, login: str, password: str, reader: str) -> None:
    """The login with that password, reading what readers may. The password leaves this process only as its hash."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    hashed = driver.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    role = Identifier(login)
    is_there = connection.scalar(statement("role_is_there"), {"name": login})
    verb = SQL("alter" if is_there else "create")
    execute_as_is(connection, SQL("{} role {} login password {}").format(verb, role, Literal(hashed)))
    execute_as_is(connection, SQL("grant {} to {}").format(Identifier(reader), role))
    execute_as_is(connection, SQL("alter role {} set search_path = analytics").format(role))
    execute_as_is(connection, SQL("alter role {} set default_transaction_read_only = on").format(role))
    execute_as_is(connection, SQL("alter role {} set statement_timeout = {}").format(role, Literal(STATEMENT_TIMEOUT)))
