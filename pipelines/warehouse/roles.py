"""Roles of the server that belong to this database: their names, and the rights of those that read and load.

Roles belong to the server and tables to a database, so two warehouses on one server have roles of different names.
Roles that read one account are in ``readers``.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Final

from psycopg.sql import Identifier
from sqlalchemy import Connection

from pipelines.warehouse.statements import execute_as_is, statement, statement_text

READERS: Final = "amocrm_reader"
PLAIN_NAME: Final = re.compile("[a-z_][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleNames:
    """Names of this database's roles."""

    reader: str = READERS  # reads every account
    loader: str = "amocrm_loader"  # adds what loads bring
    views: str = "amocrm_views"  # owns the views once readers are told apart, and is subject to row-level security
    account_reader: str = "amocrm_account_reader"  # holds the rights of all readers of single accounts

    @property
    def suffix(self) -> str:
        """Ending that sets the names apart from those of other databases of the server."""
        return self.reader.removeprefix(READERS)

    def granted(self) -> tuple[str, str]:
        """Roles that are granted rights by every migration."""
        return self.reader, self.loader


def role_names(connection: Connection) -> RoleNames:
    """Read the names that this database stores; those that are not stored yet are the plain ones."""
    if not connection.scalar(statement("has_role_names")):
        return RoleNames()
    return RoleNames(**{row.purpose: row.name for row in connection.execute(statement("role_names"))})


def choose_role_names(connection: Connection) -> None:
    """Store names that no other database of the server uses.

    Names that are stored stay, unless nothing was granted to them here yet and another database was quicker: roles that
    an administrator makes later would else read both.
    """
    if not connection.scalar(statement("has_role_names")):
        return
    suffixes = connection.execute(statement("role_suffixes")).all()
    is_free = {row.suffix: row.is_free for row in suffixes}
    if connection.execute(statement("role_names")).all() and is_free.get(role_names(connection).suffix, True):
        return
    suffix = next((row.suffix for row in suffixes if row.is_free), suffixes[-1].suffix)
    connection.execute(statement("delete_role_names"))
    for purpose, name in asdict(RoleNames()).items():
        row = {"name": name + suffix, "purpose": purpose, "account_id": None}
        connection.execute(statement("insert_role_name"), row)


def name_roles(connection: Connection) -> RoleNames:
    """Name the roles for the rest of the transaction, for statements that take no parameters."""
    names = role_names(connection)
    connection.execute(statement("name_roles"), asdict(names))
    return names


def grant_roles(connection: Connection) -> tuple[str, ...]:
    """Make the reader and the loader if we may, and grant them what they lack; names of those that lacked something."""
    choose_role_names(connection)
    roles = name_roles(connection).granted()
    before = grant_counts(connection, roles)
    for name in ("make_roles", "grant_reader", "grant_loader", "grant_connect"):
        execute_as_is(connection, statement_text(name))
    after = grant_counts(connection, roles)
    return tuple(role for role in roles if after.get(role, 0) > before.get(role, 0))


def grant_counts(connection: Connection, roles: tuple[str, ...]) -> dict[str, int]:
    """How many privileges in our schemas each role has; nothing of a role that does not exist."""
    found = connection.execute(statement("grants_of_roles"), {"names": list(roles)})
    return {row.name: row.grant_count for row in found}


def missing_roles(connection: Connection) -> tuple[str, ...]:
    """Those of the reader and the loader that do not exist."""
    return tuple(
        role
        for role in role_names(connection).granted()
        if not connection.scalar(statement("role_is_there"), {"name": role})
    )


def making(roles: tuple[str, ...]) -> str:
    """SQL by which an administrator makes the roles."""
    return " ".join(f"create role {quoted(role)} nologin;" for role in roles)


def quoted(role: str) -> str:
    """The name of a role as SQL, with quotes only if it needs them."""
    return role if PLAIN_NAME.fullmatch(role) else Identifier(role).as_string()
