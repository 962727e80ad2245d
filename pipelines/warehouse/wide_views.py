"""Wide views: per account, a view of its segments with one column per custom field, for tools that cannot pivot.

A load updates the view if the account's fields changed. A new field is appended, which keeps
objects that others built on the view. For a renamed, retyped or deleted field, the view is dropped
and re-created.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.amocrm.content_hash import DATE_TYPES
from pipelines.amocrm.field_values import NUMBER_TYPES
from pipelines.base.text import join_names, to_single_line
from pipelines.warehouse.engine import (
    DEPENDENT_OBJECTS,
    INSUFFICIENT_PRIVILEGE,
    INVALID_TABLE_DEFINITION,
    LOCK_NOT_AVAILABLE,
    execute_or_clear,
    sqlstate_of,
    transaction,
    translate_database_errors,
)
from pipelines.warehouse.locks import with_lock_retry
from pipelines.warehouse.queries import execute_as_is, statement
from pipelines.warehouse.together import execute_together
from pipelines.warehouse.work_locks import lock_work

MAX_IDENTIFIER_BYTES: Final = 63
"""Postgres truncates longer identifiers."""
MAX_FIELDS: Final = 1_000
"""Postgres allows 1,600 columns; amoCRM documents 30 fields."""

FIXED_COLUMNS: Final = {
    "segment_id": "amoCRM's id of the segment.",
    "name": "Name.",
    "customers_count": "Customers in the segment. Null while amoCRM gives no usable number.",
    "color": "Colour as amoCRM gives it, without a leading #.",
    "created_at": "When the segment was created, by amoCRM.",
    "state_since_at": "The snapshot that first showed the segment described as it is now.",
    "observed_at": "The account's latest snapshot: the row is true as of this instant.",
}
"""Columns of every wide view, with their comments."""

SOURCE_BY_FIELD_TYPE: Final = (
    dict.fromkeys(NUMBER_TYPES, ("numbers", "numeric"))
    | dict.fromkeys(DATE_TYPES, ("dates", "date"))
    | {"checkbox": ("booleans", "boolean"), "date_time": ("instants", "timestamptz")}
)
"""Source column in ``segments_by_field`` and SQL type by field type; other types are text."""

NOT_REPLACEABLE: Final = (DEPENDENT_OBJECTS, INSUFFICIENT_PRIVILEGE, LOCK_NOT_AVAILABLE)
"""SQLSTATEs after which a view stays as it is: other objects depend on it, another role owns it, or
it is locked."""
INCOMPATIBLE_COLUMNS: Final = (INVALID_TABLE_DEFINITION,)
"""SQLSTATE of a view that cannot be replaced because a column was renamed, retyped or removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WideColumn:
    """One column of a wide view."""

    name: str
    comment: str  # contains the field's id and type; a different comment means a different column
    value: Composable


def view_name(account_id: int) -> str:
    """Return the name of the account's wide view in the schema ``analytics``."""
    return f"segments_{account_id}"


def update_wide_view(engine: Engine, account_id: int, *, account: str | None = None) -> bool:
    """Update the account's wide view if its fields changed. Returns True if the view is current.

    Returns False if the view cannot be replaced now: it is locked by a long query, other objects
    depend on it, or another role owns it. It then stays as it is, and the next load retries. An
    account without segment fields gets no view, and an account whose mode was switched keeps its
    view. No views are created if we may not create them, or if readers of single accounts are
    isolated, since every login can see the names of columns.
    """
    with translate_database_errors(account=account):
        try:
            with engine.begin() as connection:
                view = {"view": view_name(account_id)}
                # The tables are read first: the lock on them keeps readers from being isolated before this
                # transaction ends.
                fields, existing_columns, may_create = execute_together(
                    connection,
                    ("wide_fields", {"account_id": account_id}),
                    ("wide_columns", view),
                    ("may_create_wide_views", {}),
                )
                columns = desired_columns(fields[:MAX_FIELDS])
                if not may_create[0].is_allowed or not fields or has_columns(existing_columns, columns):
                    return True
                connection.execute(statement("set_short_lock_timeout"))
                lock_work(connection, "wide_view", account_id)
                existing_columns = connection.execute(statement("wide_columns"), view).all()
                if has_columns(existing_columns, columns):
                    return True
                if existing_columns and existing_columns[0].view_comment != view_comment(account_id):
                    return False
                replace_view(connection, account_id, columns)
        except DBAPIError as error:
            if sqlstate_of(error) in NOT_REPLACEABLE:
                return False
            raise
    return True


class OutdatedView(NamedTuple):
    """Wide view that cannot follow its fields."""

    finding: str
    advice: str


def find_outdated_view(engine: Engine, account_id: int, *, account: str | None = None) -> OutdatedView | None:
    """Describe why the account's wide view is not current, and what to do; None if it is current or missing."""
    name = f"analytics.{view_name(account_id)}"
    view = {"view": view_name(account_id)}
    with transaction(engine, account=account) as connection:
        existing, fields, depending = execute_together(
            connection, ("wide_columns", view), ("wide_fields", {"account_id": account_id}), ("view_dependents", view)
        )
    columns = desired_columns(fields[:MAX_FIELDS])
    stored, desired = ({(column.name, column.comment): None for column in some} for some in (existing, columns))
    if not existing or not fields or list(stored) == list(desired):
        return None
    if existing[0].view_comment != view_comment(account_id):
        return OutdatedView(f"The view {name} was not created by this program.", "Rename it, then run './run migrate'.")
    old = [quote_name(column) for column, comment in stored if (column, comment) not in desired]
    new = [quote_name(column) for column, comment in desired if (column, comment) not in stored]
    finding = f"The view {name} does not follow the account's fields"
    finding += f"; outdated: {join_names(old)}" if old else ""
    finding += f"; missing: {join_names(new)}" if new else ""
    if dependents := [row.dependent for row in depending]:
        return OutdatedView(
            f"{finding}. In the way, because it depends on that view: {join_names(dependents)}.",
            "Drop what is in the way, run './run migrate', and create it again with the new columns.",
        )
    return OutdatedView(
        f"{finding}. A session locks it, or another role owns it.",
        "Run './run migrate' as its owner; the next load tries again, too.",
    )


def quote_name(name: str) -> str:
    """Return a column's name on one line, in double quotes."""
    return f'"{to_single_line(name)}"'


def has_columns(existing: Sequence[Any], columns: Sequence[WideColumn]) -> bool:
    """Tell if the existing columns have these names and comments."""
    return [(row.name, row.comment) for row in existing] == [(column.name, column.comment) for column in columns]


def desired_columns(fields: Sequence[Any]) -> list[WideColumn]:
    """Build the columns for an account's fields, after the fixed ones."""
    names = unique_column_names([(field.field_id, field.name) for field in fields])
    return [
        *(
            WideColumn(name=name, comment=comment, value=SQL("segment.{}").format(Identifier(name)))
            for name, comment in FIXED_COLUMNS.items()
        ),
        *(
            WideColumn(
                name=name,
                comment=f"Custom field {field.field_id} of type {field.type}: {field.name}",
                value=column_expression(field.field_id, field.type),
            )
            for name, field in zip(names, fields, strict=True)
        ),
    ]


def unique_column_names(fields: Iterable[tuple[int, str | None]]) -> list[str]:
    """Choose a column name for each field of id and name: the field's name, followed by the id if that is taken.

    Names are unique regardless of case. The first field with a name keeps it, so a new field
    renames no column.
    """
    used_names = {name.casefold() for name in FIXED_COLUMNS}
    names = []
    for field_id, name in fields:
        visible = "".join(character if character.isprintable() else " " for character in name or "")
        printable_name = " ".join(visible.split())
        candidates = (truncate_name(printable_name, suffix) for suffix in disambiguating_suffixes(field_id))
        column_name = next(
            candidate for candidate in candidates if candidate and candidate.casefold() not in used_names
        )
        used_names.add(column_name.casefold())
        names.append(column_name)
    return names


def disambiguating_suffixes(field_id: int) -> Iterator[str]:
    """Yield suffixes to try for a unique name: none, the id, then the id with a number."""
    yield ""
    yield f" ({field_id})"
    yield from (f" ({field_id}, {number})" for number in count(2))


def truncate_name(name: str, suffix: str) -> str:
    """Append the suffix, and truncate the name to the length of a Postgres identifier."""
    max_bytes = MAX_IDENTIFIER_BYTES - len(suffix.encode())
    return (name.encode()[:max_bytes].decode(errors="ignore") + suffix).strip()


def column_expression(field_id: int, field_type: str | None) -> Composed:
    """Build the expression that extracts a field's value from a row of ``segments_by_field``."""
    source, cast = SOURCE_BY_FIELD_TYPE.get(field_type or "", ("texts", "text"))
    return SQL("(segment.{} ->> {})::{}").format(Identifier(source), Literal(str(field_id)), SQL(cast))


def replace_view(connection: Connection, account_id: int, columns: Sequence[WideColumn]) -> None:
    """Replace the view, which keeps dependent objects; if its columns are incompatible, drop and re-create it."""
    view = Identifier("analytics", view_name(account_id))
    create_view = SQL("create or replace view {} as select {} from analytics.segments_by_field({}) as segment").format(
        view,
        SQL(", ").join(SQL("{} as {}").format(column.value, Identifier(column.name)) for column in columns),
        Literal(account_id),
    )
    grants: list[str] = []

    def drop_view() -> None:
        grants.extend(connection.scalars(statement("view_grants"), {"view": view_name(account_id)}))
        execute_as_is(connection, SQL("drop view {}").format(view))

    execute_or_clear(connection, [create_view.as_string()], INCOMPATIBLE_COLUMNS, drop_view)
    for grant in grants:
        connection.exec_driver_sql(grant)
    comments = [SQL("comment on view {} is {}").format(view, Literal(view_comment(account_id)))]
    for column in columns:
        name = Identifier("analytics", view_name(account_id), column.name)
        comments.append(SQL("comment on column {} is {}").format(name, Literal(column.comment)))
    execute_as_is(connection, SQL("; ").join(comments))


def drop_wide_views(connection: Connection) -> None:
    """Drop all wide views if readers of single accounts are isolated.

    Their columns are named after fields, and every login can read column names in Postgres'
    catalog. Each transaction drops some: to drop all, it would need a lock per account.
    """
    while True:
        with connection.begin():
            names = list(connection.scalars(statement("wide_views_to_drop")))
        if not names:
            return
        views = SQL(", ").join(Identifier("analytics", name) for name in names)
        drop_views = SQL("drop view if exists {}").format(views)
        with_lock_retry(connection, partial(execute_as_is, connection, drop_views), views=names)


def view_comment(account_id: int) -> str:
    """Build the view's comment.

    ``update_wide_view`` recognizes its own views by this text, so it must not change.
    """
    return (
        f"One row per segment of account {account_id} as it is now, with a column per custom field. Made anew when the "
        "fields change: a field that is renamed is another column."
    )
