"""Names and privileges of this database's roles for reading and loading.

Roles belong to the server and tables to a database, so two warehouses on one server need different
role names. Roles that read a single account are in ``readers``.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Final

from psycopg.sql import Identifier
from sqlalchemy import Connection

from pipelines.warehouse.queries import execute_as_is, statement, statement_text

READERS: Final = "amocrm_reader"
PLAIN_NAME: Final = re.compile("[a-z_][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleNames:
    """Names of this database's roles."""

    reader: str = READERS  # reads every account
    loader: str = "amocrm_loader"  # runs loads
    views: str = "amocrm_views"  # owns the views once readers are isolated, and is subject to row-level security
    account_reader: str = "amocrm_account_reader"  # holds the privileges of all readers of single accounts
    members: str = "amocrm_members"  # reads single customers' stays, by their ids

    @property
    def suffix(self) -> str:
        """Suffix that distinguishes the names from those of other databases of the server."""
        return self.reader.removeprefix(READERS)

    def granted(self) -> tuple[str, ...]:
        """Roles to which every migration grants privileges."""
        return self.reader, self.loader, self.members


def role_names(connection: Connection) -> RoleNames:
    """Read the stored names; a name that is not stored yet has its default."""
    if not connection.scalar(statement("has_role_names")):
        return RoleNames()
    return RoleNames(**{row.purpose: row.name for row in connection.execute(statement("role_names"))})


def choose_role_names(connection: Connection) -> None:
    """Store names that no other database of the server uses.

    Stored names are kept, unless nothing was granted to them here yet and another database has
    taken them meanwhile: roles that an administrator creates later would read both.
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
    """Set the names as transaction-local settings, for statements that take no parameters."""
    names = role_names(connection)
    connection.execute(statement("name_roles"), asdict(names))
    return names


def grant_roles(connection: Connection) -> tuple[str, ...]:
    """Create the reader and the loader if we may, grant missing privileges, and return the roles that lacked some."""
    choose_role_names(connection)
    roles = name_roles(connection).granted()
    before = count_grants(connection, roles)
    for name in ("make_roles", "grant_reader", "grant_members", "grant_loader", "grant_connect"):
        execute_as_is(connection, statement_text(name))
    after = count_grants(connection, roles)
    return tuple(role for role in roles if after.get(role, 0) > before.get(role, 0))


def count_grants(connection: Connection, roles: tuple[str, ...]) -> dict[str, int]:
    """Count each role's privileges in our schemas; roles that do not exist are left out."""
    rows = connection.execute(statement("grants_of_roles"), {"names": list(roles)})
    return {row.name: row.grant_count for row in rows}


def find_missing_roles(connection: Connection) -> tuple[str, ...]:
    """List which of the reader and the loader do not exist."""
    return tuple(
        role
        for role in role_names(connection).granted()
        if not connection.scalar(statement("role_exists"), {"name": role})
    )


def create_roles_sql(roles: tuple[str, ...]) -> str:
    """Return the SQL with which an administrator creates the roles."""
    return " ".join(f"create role {quoted(role)} nologin;" for role in roles)


def quoted(role: str) -> str:
    """Quote a role's name if needed."""
    return role if PLAIN_NAME.fullmatch(role) else Identifier(role).as_string()
