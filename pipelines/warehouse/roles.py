"""The roles that read and load: made where we may make roles, and granted what they need.

Roles that read one account are the subject of ``readers``.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.statements import execute_as_is, statement, statement_text

ROLES: Final = ("amocrm_reader", "amocrm_loader")


def grant_roles(connection: Connection) -> tuple[str, ...]:
    """Make ``ROLES`` where we may, and grant those that are there what they lack; names of who lacked something."""
    before = grant_counts(connection)
    for name in ("make_roles", "grant_reader", "grant_loader", "grant_connect"):
        execute_as_is(connection, statement_text(name))
    after = grant_counts(connection)
    return tuple(role for role in ROLES if after.get(role, 0) > before.get(role, 0))


def grant_counts(connection: Connection) -> dict[str, int]:
    """How many privileges in our schemas each of ``ROLES`` has; nothing of a role that does not exist."""
    found = connection.execute(statement("grants_of_roles"), {"names": list(ROLES)})
    return {row.name: row.grant_count for row in found}


def missing_roles(connection: Connection) -> tuple[str, ...]:
    """Those of ``ROLES`` that do not exist."""
    there = grant_counts(connection)
    return tuple(role for role in ROLES if role not in there)


def making(roles: tuple[str, ...]) -> str:
    """The SQL that makes roles, for whoever may."""
    return " ".join(f"create role {role} nologin;" for role in roles)
