"""The login of a tool that we set up and that only reads, in the role that reads all accounts."""

from __future__ import annotations

import secrets
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError, MigrationError
from pipelines.warehouse.engine import INSUFFICIENT_PRIVILEGE, translate_database_errors
from pipelines.warehouse.queries import execute_as_is, statement
from pipelines.warehouse.roles import role_names

CONNECTION_LIMIT: Final = 10
LIMITS: Final = {
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
    "idle_session_timeout": "1h",
}
"""Settings of a login that reads; logins_without_limit.sql has the same."""


def reader_url(engine: Engine, login: str) -> URL:
    """Where and as whom such a tool connects. It holds a password.

    Where we are a reader ourselves, that is as we do. Else ``login`` is made if need be, in the role that reads,
    with a new password each time: whoever used the one before has to be told this one. Raises ``MigrationError``
    where there is nothing to read yet, and ``DatabaseError`` where we may make no logins.
    """
    with translate_database_errors(), engine.begin() as connection:
        reader = role_names(connection).reader
        access = connection.execute(statement("who_reads"), {"reader": reader}).one()
        if access.is_reader:
            return engine.url
        if not access.is_ready:
            raise MigrationError(
                f"The database has no role {reader}, or no views for it.", advice="Run './run migrate' first."
            )
        password = secrets.token_urlsafe(24)
        try:
            create_login(connection, login, password, role=reader)
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error) and error.orig.sqlstate == INSUFFICIENT_PRIVILEGE:
                raise DatabaseError(
                    f"The role of DATABASE_URL may not make the login '{login}'.",
                    advice="Have one made as docs/dashboards.md says, and start with it as DATABASE_URL.",
                ) from None
            raise
        return engine.url.set(username=login, password=password)


def create_login(connection: Connection, login: str, password: str, *, role: str) -> None:
    """Make a login in a reader's role, with limits. The password leaves this process only as its hash."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    password_hash = driver.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    name = Identifier(login)
    exists = connection.scalar(statement("role_is_there"), {"name": login})
    verb = SQL("alter" if exists else "create")
    limit = SQL(str(CONNECTION_LIMIT))
    execute_as_is(
        connection,
        SQL("{} role {} login connection limit {} password {}").format(verb, name, limit, Literal(password_hash)),
    )
    execute_as_is(connection, SQL("grant {} to {}").format(Identifier(role), name))
    execute_as_is(connection, SQL("alter role {} set search_path = analytics").format(name))
    execute_as_is(connection, SQL("alter role {} set default_transaction_read_only = on").format(name))
    for setting, value in LIMITS.items():
        change = SQL("alter role {} set {} = {}").format(name, Identifier(setting), Literal(value))
        execute_as_is(connection, change)
