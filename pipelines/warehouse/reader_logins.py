"""Logins of readers, with limits on connections and time so that no reader starves the others.

A reader can change the settings of its own login and session, but not the connection limit.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import INSUFFICIENT_PRIVILEGE, sqlstate_of, translate_database_errors
from pipelines.warehouse.queries import execute_as_is, statement
from pipelines.warehouse.tool_login import create_login


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlimited:
    """A reader's login that lacks a limit."""

    login: str
    changes: str  # SQL for an administrator


def make_reader_login(engine: Engine, role: str, login: str, *, account: str | None = None) -> str:
    """Create a login in a reader's role, or reset the password of an existing one; return the password.

    Raises ``DatabaseError`` if the name belongs to a role with other privileges, or if we may not
    create roles.
    """
    password = secrets.token_urlsafe(24)
    with translate_database_errors(account=account), engine.begin() as connection:
        if connection.scalar(statement("is_another_role"), {"login": login, "role": role}):
            raise DatabaseError(
                f"A role '{login}' already exists, and it is not a login of {role} alone.",
                account=account,
                advice="Choose another name for the login.",
            )
        create_login(connection, login, password, role=role)
    return password


def limit_logins(connection: Connection) -> tuple[str, ...]:
    """Set missing limits of readers' logins if our role may; return the names of the logins that were changed."""
    limited = []
    for one in unlimited_logins(connection):
        try:
            with connection.begin_nested():
                execute_as_is(connection, one.changes)
        except DBAPIError as error:
            if sqlstate_of(error) != INSUFFICIENT_PRIVILEGE:
                raise
        else:
            limited.append(one.login)
    return tuple(limited)


def unlimited_logins(connection: Connection) -> list[Unlimited]:
    """Read the readers' logins that lack a limit."""
    rows = connection.execute(statement("logins_without_limit"))
    return [Unlimited(login=row.login, changes=row.changes) for row in rows]
