"""Readers of single accounts: roles to which every view shows only the rows of one account.

The first such role turns isolation on. Before that, views run as their owner, and row-level
security is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import INSUFFICIENT_PRIVILEGE, translate_database_errors
from pipelines.warehouse.locks import ALL_TABLES, with_lock_retry
from pipelines.warehouse.queries import execute_as_is, statement, statement_text
from pipelines.warehouse.roles import READERS, choose_role_names, name_roles, role_names
from pipelines.warehouse.wide_views import drop_wide_views


def create_account_reader(engine: Engine, account_id: int, *, account: str | None = None) -> str:
    """Create the role that reads only this account, and return its name. Idempotent.

    The first such role turns row-level security on. The role cannot log in: logins are created as
    its members. Raises ``DatabaseError`` if our role does not own the tables; if it may not create
    or grant roles, the error contains the statements for an administrator.
    """
    with translate_database_errors(account=account), engine.connect() as connection:
        with connection.begin():
            if not connection.scalar(statement("owns_tables")):
                raise DatabaseError(
                    "The role of DATABASE_URL may not create roles for this database: it does not own the tables.",
                    account=account,
                    advice="Run this with DATABASE_URL set to the owner of the schema, with CREATEROLE on PostgreSQL 16"
                    " or newer; without it, an administrator runs the statements that are printed then.",
                )
            choose_role_names(connection)
            name = reader_role(connection, account_id)
            make_roles(connection, name, account=account)
            is_first = not is_isolated(connection)
            views = [row.name for row in connection.execute(statement("created_views"))]
        if is_first:
            with_lock_retry(connection, partial(apply_isolation, connection), tables=ALL_TABLES, views=views)
        drop_wide_views(connection)
        with connection.begin():
            store_reader(connection, name, account_id)
            execute_as_is(connection, statement_text("grant_connect"))
    return name


def reader_role_name(account_id: int) -> str:
    """Return the default name of the role that reads one account."""
    return f"{READERS}_{account_id}"


def reader_role(connection: Connection, account_id: int) -> str:
    """Return the name of the role that reads one account: the stored one, else the first not used elsewhere."""
    if stored := connection.scalar(statement("reader_of_account"), {"account_id": account_id}):
        return str(stored)
    suffixes = [str(row.suffix) for row in connection.execute(statement("role_suffixes")) if row.suffix]
    candidates = [reader_role_name(account_id) + suffix for suffix in (role_names(connection).suffix, *suffixes)]
    free = (name for name in candidates if not connection.scalar(statement("role_is_used_elsewhere"), {"name": name}))
    return next(free, candidates[-1])


def make_roles(connection: Connection, reader: str | None = None, *, account: str | None = None) -> None:
    """Create missing roles that isolation needs, and the named reader."""
    lacking = list(connection.scalars(statement("lacking_roles"), {"reader": reader}))
    try:
        with connection.begin_nested():
            for change in lacking:
                execute_as_is(connection, change)
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error) or error.orig.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        raise DatabaseError(
            f"The role of DATABASE_URL may not create roles, or not grant these: {error.orig.diag.message_primary}.",
            account=account,
            advice=f"As an administrator: {spelled(lacking)} Then run this again.",
        ) from None


def spelled(statements: Sequence[str]) -> str:
    """Join statements in one line."""
    return " ".join(f"{one};" for one in statements)


def store_reader(connection: Connection, name: str, account_id: int) -> None:
    """Store which account the role reads, for the policies of row-level security."""
    row = {"name": name, "purpose": "reader_of_account", "account_id": account_id}
    connection.execute(statement("insert_role_name"), row)
    connection.execute(statement("name_reader"), {"name": name})
    for part in ("grant_account_reader", "write_readers"):
        execute_as_is(connection, statement_text(part))


def is_isolated(connection: Connection) -> bool:
    """Tell if the database isolates readers of single accounts."""
    return bool(connection.scalar(statement("readers_are_isolated")))


def apply_isolation(connection: Connection) -> None:
    """Restrict new tables and views so that a reader of one account sees only its rows."""
    if connection.scalar(statement("owns_tables")):
        make_roles(connection)
        execute_as_is(connection, statement_text("write_readers"))
    name_roles(connection)
    for part in ("isolate_readers", "hide_statistics"):
        execute_as_is(connection, statement_text(part))
