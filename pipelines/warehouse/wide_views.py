"""A view per account with a column per custom field, for tools that do not pivot. Its rows are ``segments_by_field``'s.

The view follows the account's fields: a new one is added at the end, which keeps what others built on the view; a
renamed, retyped or deleted one means making it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.amocrm.field_values import NUMBER_TYPES
from pipelines.amocrm.fingerprint import DATE_TYPES
from pipelines.warehouse.engine import translate_database_errors
from pipelines.warehouse.queries import execute_as_is, statement
from pipelines.warehouse.work_locks import lock_work

MAX_IDENTIFIER_BYTES: Final = 63
"""Bytes of an identifier that Postgres keeps."""
MAX_FIELDS: Final = 1_000
"""Postgres allows 1,600 columns; amoCRM documents 30 fields."""

FIXED_COLUMNS: Final = {
    "segment_id": "amoCRM's id of the segment.",
    "name": "Name.",
    "customers_count": "Customers in the segment. Null while amoCRM gives no usable number.",
    "color": "Colour as amoCRM gives it, without a leading #.",
    "created_at": "When the segment was created, by amoCRM.",
    "state_since_at": "The snapshot that first showed the segment described as it is now.",
    "observed_at": "The account's newest snapshot: the row is true as of this instant.",
}
"""Columns that every account has, with their comments."""

SOURCE_BY_FIELD_TYPE: Final = (
    dict.fromkeys(NUMBER_TYPES, ("numbers", "numeric"))
    | dict.fromkeys(DATE_TYPES, ("dates", "date"))
    | {"checkbox": ("booleans", "boolean"), "date_time": ("instants", "timestamptz")}
)
"""By a field's type, where its value is found and what it is; values of all other types are texts."""

NOT_REPLACEABLE: Final = ("2BP01", "42501", "55P03")
"""SQLSTATEs of what leaves a view as it is: others built on it, it is another's, somebody is reading it for long."""
INCOMPATIBLE_COLUMNS: Final = "42P16"
"""SQLSTATE of a view that cannot be replaced, since a column has another name, another type, or is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WideColumn:
    """One column of a wide view."""

    name: str
    comment: str  # names the field's id and type: another comment means another column
    value: Composable


def view_name(account_id: int) -> str:
    """Name of the account's wide view in the schema ``analytics``."""
    return f"segments_{account_id}"


def update_wide_view(engine: Engine, account_id: int, *, account: str | None = None) -> bool:
    """Make the account's wide view anew if its fields are not what the view shows; whether it shows them now.

    It is false where the view cannot be replaced at this moment: somebody reads it for long, others built on it, it is
    not ours. Then it stays as it was, and the next load tries again. An account without segment fields gets no view,
    and one whose mode was switched keeps the view it had. Where we may not make views, or where readers of single
    accounts are told apart (names of columns are seen by every login), there is none to follow.
    """
    with translate_database_errors(account=account):
        try:
            with engine.begin() as connection:
                if not connection.scalar(statement("may_make_wide_views")):
                    return True
                columns = desired_columns(connection, account_id)
                if len(columns) == len(FIXED_COLUMNS):
                    return True
                connection.execute(statement("wait_briefly"))
                lock_work(connection, "wide_view", account_id)
                existing_columns = connection.execute(statement("wide_columns"), {"view": view_name(account_id)}).all()
                if [(row.name, row.comment) for row in existing_columns] == [
                    (column.name, column.comment) for column in columns
                ]:
                    return True
                if existing_columns and existing_columns[0].view_comment != view_comment(account_id):
                    return False
                replace_view(connection, account_id, columns)
        except DBAPIError as error:
            if sqlstate(error) in NOT_REPLACEABLE:
                return False
            raise
    return True


def desired_columns(connection: Connection, account_id: int) -> list[WideColumn]:
    """The columns that the account's fields call for, those that every account has first."""
    fields = connection.execute(statement("wide_fields"), {"account_id": account_id}).all()[:MAX_FIELDS]
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
    """A column name for each field, given by id and name: the field's name, and where that is taken the id after it.

    Tools that do not tell capital letters from small ones find no two alike. Who comes first keeps the plain name, so
    that a new field renames no column.
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
    """What to tell a name from others by: nothing, the id, and if even that is taken, a number more."""
    yield ""
    yield f" ({field_id})"
    yield from (f" ({field_id}, {number})" for number in count(2))


def truncate_name(name: str, suffix: str) -> str:
    """The name with the suffix, cut where an identifier of Postgres ends."""
    max_bytes = MAX_IDENTIFIER_BYTES - len(suffix.encode())
    return (name.encode()[:max_bytes].decode(errors="ignore") + suffix).strip()


def column_expression(field_id: int, field_type: str | None) -> Composed:
    """What a field's column shows of a row of ``segments_by_field``."""
    source, cast = SOURCE_BY_FIELD_TYPE.get(field_type or "", ("texts", "text"))
    return SQL("(segment.{} ->> {})::{}").format(Identifier(source), Literal(str(field_id)), SQL(cast))


def replace_view(connection: Connection, account_id: int, columns: Sequence[WideColumn]) -> None:
    """Replace the view, which keeps what others built on it; where Postgres refuses, drop it and make it anew."""
    view = Identifier("analytics", view_name(account_id))
    create_view = SQL("create or replace view {} as select {} from analytics.segments_by_field({}) as segment").format(
        view,
        SQL(", ").join(SQL("{} as {}").format(column.value, Identifier(column.name)) for column in columns),
        Literal(account_id),
    )
    try:
        with connection.begin_nested():
            execute_as_is(connection, create_view)
    except DBAPIError as error:
        if sqlstate(error) != INCOMPATIBLE_COLUMNS:
            raise
        grants = connection.scalars(statement("view_grants"), {"view": view_name(account_id)}).all()
        execute_as_is(connection, SQL("drop view {}").format(view))
        execute_as_is(connection, create_view)
        for grant in grants:
            connection.exec_driver_sql(grant)
    comments = [SQL("comment on view {} is {}").format(view, Literal(view_comment(account_id)))]
    for column in columns:
        name = Identifier("analytics", view_name(account_id), column.name)
        comments.append(SQL("comment on column {} is {}").format(name, Literal(column.comment)))
    execute_as_is(connection, SQL("; ").join(comments))


def view_comment(account_id: int) -> str:
    """What the view says of itself, by which it is known as ours."""
    return (
        f"One row per segment of account {account_id} as it is now, with a column per custom field. Made anew when the "
        "fields change: a field that is renamed is another column."
    )


def sqlstate(error: DBAPIError) -> str | None:
    """Postgres' code of what went wrong."""
    return getattr(error.orig, "sqlstate", None)
