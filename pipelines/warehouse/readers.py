"""Readers of single accounts: roles for whom every view shows their account's rows and nothing else.

Until the first of them is made nothing is different: views run as their owner, and row-level security is off.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine

from pipelines.errors import DatabaseError
from pipelines.warehouse.engine import database_errors
from pipelines.warehouse.giving_way import ALL, giving_way
from pipelines.warehouse.statements import execute_as_is, statement, statement_text

VIEWS_OWNER: Final = "amocrm_views"
"""Owns the views once readers are told apart. It is subject to row-level security, as those who made them are not."""

ACCOUNT_READERS: Final = "amocrm_account_reader"
"""Holds the rights of all readers of single accounts; each of them is a member."""


def reader_of(account_id: int) -> str:
    """Name of the role that reads one account."""
    return f"amocrm_reader_{account_id}"


def make_account_reader(engine: Engine, account_id: int, *, account: str | None = None) -> str:
    """Make the role that reads this account and no other, and have the database tell readers apart; the role's name.

    It cannot log in: logins are made in it. Doing it again changes nothing. Raises ``DatabaseError`` where roles may
    not be made, or the tables are another role's.
    """
    with database_errors(account=account), engine.connect() as connection:
        with connection.begin():
            if not connection.scalar(statement("may_make_roles")):
                raise DatabaseError(
                    "The role of DATABASE_URL may not make roles.",
                    account=account,
                    advice="Run this with DATABASE_URL set to the owner of the schema, with CREATEROLE.",
                )
            is_first = not is_isolated(connection)
        if is_first:
            giving_way(connection, partial(isolate_first, connection), tables=ALL, views=ALL)
        with connection.begin():
            name = reader_of(account_id)
            make_role(connection, name)
            execute_as_is(connection, SQL("grant {} to {}").format(Identifier(ACCOUNT_READERS), Identifier(name)))
            execute_as_is(connection, statement_text("grant_connect"))
    return name


def isolate_first(connection: Connection) -> None:
    """Begin to tell readers of single accounts apart."""
    make_role(connection, VIEWS_OWNER)
    make_role(connection, ACCOUNT_READERS)
    execute_as_is(connection, SQL("grant {} to current_user").format(Identifier(VIEWS_OWNER)))
    isolate(connection)


def is_isolated(connection: Connection) -> bool:
    """Whether the database tells readers of single accounts apart."""
    return bool(connection.scalar(statement("readers_are_isolated")))


def isolate(connection: Connection) -> None:
    """Bring tables and views that are new under the rule that readers of single accounts see their own rows."""
    execute_as_is(connection, statement_text("isolate_readers"))


def make_role(connection: Connection, name: str) -> None:
    """Make a role that cannot log in, unless it is there: roles belong to the whole server."""
    if not connection.scalar(statement("role_is_there"), {"name": name}):
        execute_as_is(connection, SQL("create role {} nologin").format(Identifier(name)))
