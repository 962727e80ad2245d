"""Logins of readers: made with limits, so that no reader takes the connections or the time of others.

A reader can change the settings of its own login and session; the connection limit it cannot.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import INSUFFICIENT_PRIVILEGE, translate_database_errors
from pipelines.warehouse.queries import execute_as_is, statement
from pipelines.warehouse.tool_login import create_login


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlimited:
    """Login of a reader that lacks a limit."""

    login: str
    changes: str  # SQL that an administrator runs


def make_reader_login(engine: Engine, role: str, login: str, *, account: str | None = None) -> str:
    """Make a login in a reader's role, or give the one that is in it a new password; the password.

    Raises ``DatabaseError`` if a role of that name has other rights than this one, or if roles may not be made.
    """
    password = secrets.token_urlsafe(24)
    with translate_database_errors(account=account), engine.begin() as connection:
        if connection.scalar(statement("is_another_role"), {"login": login, "role": role}):
            raise DatabaseError(
                f"There is a role '{login}' already, and it is not a login of {role} alone.",
                account=account,
                advice="Choose another name for the login.",
            )
        create_login(connection, login, password, role=role)
    return password


def limit_logins(connection: Connection) -> tuple[str, ...]:
    """Give the readers' logins the limits that they lack, if we may; names of those that have them now."""
    limited = []
    for one in unlimited_logins(connection):
        try:
            with connection.begin_nested():
                execute_as_is(connection, one.changes)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
                raise
        else:
            limited.append(one.login)
    return tuple(limited)


def unlimited_logins(connection: Connection) -> list[Unlimited]:
    """The readers' logins that lack a limit."""
    rows = connection.execute(statement("logins_without_limit"))
    return [Unlimited(login=row.login, changes=row.changes) for row in rows]
