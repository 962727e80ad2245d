"""Login for a read-only tool that we set up, in the role that reads all accounts."""

from __future__ import annotations

import secrets
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError, MigrationError
from pipelines.warehouse.engine import INSUFFICIENT_PRIVILEGE, sqlstate_of, translate_database_errors
from pipelines.warehouse.queries import execute_as_is, statement
from pipelines.warehouse.roles import role_names

CONNECTION_LIMIT: Final = 10
LIMITS: Final = {
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
    "idle_session_timeout": "1h",
}
"""Settings of a reader's login; the query ``logins_without_limit`` has the same values."""


def reader_url(engine: Engine, login: str) -> URL:
    """Return the address, with password, with which such a tool connects.

    If our own role only reads, that is our address. Otherwise ``login`` is created if it is
    missing, as a member of the reader's role, with a new password each time; sessions that know the
    old password must be updated. Raises ``MigrationError`` if there are no views yet, and
    ``DatabaseError`` if we may not create logins.
    """
    with translate_database_errors(), engine.begin() as connection:
        reader = role_names(connection).reader
        access = connection.execute(statement("reader_access"), {"reader": reader}).one()
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
            if sqlstate_of(error) == INSUFFICIENT_PRIVILEGE:
                raise DatabaseError(
                    f"The role of DATABASE_URL may not create the login '{login}'.",
                    advice="Have one created as docs/dashboards.md describes, and start with it as DATABASE_URL.",
                ) from None
            raise
        return engine.url.set(username=login, password=password)


def create_login(connection: Connection, login: str, password: str, *, role: str) -> None:
    """Create or alter a login in a reader's role, with limits.

    Only the password's hash is sent to the server.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    password_hash = driver.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    name = Identifier(login)
    exists = connection.scalar(statement("role_exists"), {"name": login})
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
