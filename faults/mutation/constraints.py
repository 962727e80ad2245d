"""Every constraint of the warehouse is dropped in turn, to see that nothing else refuses what it refuses.

All of that is one transaction, which is rolled back. The catalog says which there are, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from faults.mutation.impossible import CLOSED_IS_CLOSED, IMPLIED, NOT_NULL, REFUSED
from faults.mutation.world import BESIDE, FRESH, WORLD, Row

ALL: Final = """
    select conname as name, relname as table, 'constraint' as kind
    from pg_constraint join pg_class as relation on relation.oid = conrelid
    where relnamespace = 'amocrm'::regnamespace and contype in ('p', 'u', 'f', 'c', 'x')
    union all
    select one.relname, relation.relname, 'index'
    from pg_index join pg_class as one on one.oid = indexrelid join pg_class as relation on relation.oid = indrelid
    where relation.relnamespace = 'amocrm'::regnamespace and indisunique
        and not exists (select from pg_constraint where conindid = indexrelid)
    union all
    select relation.relname || '.' || tgname, relation.relname, 'trigger'
    from pg_trigger join pg_class as relation on relation.oid = tgrelid
    where relation.relnamespace = 'amocrm'::regnamespace and not tgisinternal
    union all
    select relation.relname || '.' || attname, relation.relname, 'not null'
    from pg_attribute join pg_class as relation on relation.oid = attrelid
    where relation.relnamespace = 'amocrm'::regnamespace and relation.relkind = 'r' and attnum > 0 and attnotnull
        and not exists (select from pg_index where indrelid = attrelid and indisprimary and attnum = any (indkey))
    order by 2, 3, 1
"""
"""A primary key's columns can only be null without it, so that they are no guards of their own."""

DROP: Final = {
    "constraint": "alter table amocrm.{table} drop constraint {name} cascade",
    "index": "drop index amocrm.{name}",
    "trigger": "drop trigger {name} on amocrm.{table}",
    "not null": "alter table amocrm.{table} alter column {name} drop not null",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """One of the catalog's."""

    name: str  # of a trigger or a column that is not null: with its table's before it
    table: str
    kind: str  # constraint, index, trigger, not null

    def dropped(self) -> Composed:
        """The statement that drops it."""
        return SQL(DROP[self.kind]).format(table=Identifier(self.table), name=Identifier(self.name.rpartition(".")[2]))

    def is_broken_by(self) -> Row:
        """The row that it refuses. ``KeyError`` where nobody has thought of one."""
        changes = {self.name.rpartition(".")[2]: None} if self.kind == "not null" else REFUSED[self.name]
        return WORLD[self.table] | FRESH[self.table] | changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """What came of dropping one: the guard that refused the same without it, or none."""

    constraint: Constraint
    refused_before: str | None
    refused_after: str | None

    @property
    def is_noticed(self) -> bool:
        """Whether its own test would fail: it asks for this refusal by name."""
        return self.refused_before == self.constraint.name != self.refused_after


def constraints(connection: psycopg.Connection, *, with_implied: bool = False) -> list[Constraint]:
    """All that keep something out of the tables, by default but those that others imply."""
    with connection.cursor(row_factory=class_row(Constraint)) as cursor:
        return [one for one in cursor.execute(ALL) if with_implied or one.name not in IMPLIED]


def expected() -> set[str]:
    """The names of all for which a row is known that they refuse."""
    not_null = {f"{table}.{column}" for table, columns in NOT_NULL.items() for column in columns.split()}
    return {*REFUSED, *not_null, *(f"{table}.closed_is_closed" for table in CLOSED_IS_CLOSED)}


def drop_each(connection: psycopg.Connection) -> Iterator[Dropped]:
    """Drop every constraint in turn. Nothing is left of that, nor of the rows that are written."""
    with filled(connection):
        for constraint in constraints(connection):
            before = refusal(connection, constraint)
            with undone(connection):
                connection.execute(constraint.dropped())
                after = refusal(connection, constraint)
            yield Dropped(constraint=constraint, refused_before=before, refused_after=after)


@contextmanager
def filled(connection: psycopg.Connection) -> Iterator[None]:
    """The rows that others refer to, for as long as the context lasts; nothing is deferred meanwhile."""
    with undone(connection):
        for table, row in WORLD.items():
            insert(connection, table, row)
            for other, changes in BESIDE:
                if other == table:
                    insert(connection, table, row | changes)
        connection.execute("set constraints all immediate")
        yield


def refusal(connection: psycopg.Connection, constraint: Constraint) -> str | None:
    """The name of what refuses what the constraint is to refuse; None where nothing does."""
    try:
        with undone(connection):
            if constraint.kind == "trigger":
                text = "update amocrm.{} set valid_to = valid_to where valid_to is not null"
                connection.execute(SQL(text).format(Identifier(constraint.table)))
            else:
                insert(connection, constraint.table, constraint.is_broken_by())
    except psycopg.errors.NotNullViolation as error:
        return f"{error.diag.table_name}.{error.diag.column_name}"
    except psycopg.errors.IntegrityConstraintViolation:
        return f"{constraint.table}.closed_is_closed"
    except psycopg.IntegrityError as error:
        return error.diag.constraint_name
    return None


@contextmanager
def undone(connection: psycopg.Connection) -> Iterator[None]:
    """Roll back what is done inside, and nothing else."""
    with connection.transaction(force_rollback=True):
        yield


def insert(connection: psycopg.Connection, table: str, row: Row) -> None:
    """Write a row; a column that it does not name is null."""
    name = Identifier("amocrm", table)
    text = SQL("insert into {} select * from jsonb_populate_record(null::{}, %s)").format(name, name)
    connection.execute(text, [Jsonb(row)])
