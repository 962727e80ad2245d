"""Read the constraints from the catalog, insert rows that they reject, and drop them one by one.

Everything runs in one transaction that is rolled back. Because the list comes from the catalog, a new constraint
without a rejected row fails the test.
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

from tests.constraints.rejected_rows import CLOSED_IS_CLOSED, IMPLIED, NOT_NULL, REJECTED
from tests.constraints.sample_rows import EXTRA_ROWS, NEW_ROWS, SAMPLE_ROWS, Row

CATALOG_QUERY: Final = """
    select conname as name, relname as table, 'constraint' as kind
    from pg_constraint join pg_class as relation on relation.oid = conrelid
    where relnamespace = 'amocrm'::regnamespace and contype in ('p', 'u', 'f', 'c', 'x')
    union all
    select index_relation.relname, relation.relname, 'index'
    from pg_index
        join pg_class as index_relation on index_relation.oid = indexrelid
        join pg_class as relation on relation.oid = indrelid
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
"""All constraints. The columns of a primary key are left out: the key already implies that they are not null."""

DROP: Final = {
    "constraint": "alter table amocrm.{table} drop constraint {name} cascade",
    "index": "drop index amocrm.{name}",
    "trigger": "drop trigger {name} on amocrm.{table}",
    "not null": "alter table amocrm.{table} alter column {name} drop not null",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """A constraint, unique index, trigger or NOT NULL of the catalog."""

    name: str  # prefixed with its table for triggers and NOT NULL columns
    table: str
    kind: str  # constraint, index, trigger, not null

    def drop_statement(self) -> Composed:
        """Build the statement that drops it."""
        return SQL(DROP[self.kind]).format(table=Identifier(self.table), name=Identifier(self.name.rpartition(".")[2]))

    def rejected_row(self) -> Row:
        """Build a row that it rejects. Raises ``KeyError`` if ``rejected_rows`` lists none."""
        changes = {self.name.rpartition(".")[2]: None} if self.kind == "not null" else REJECTED[self.name]
        return SAMPLE_ROWS[self.table] | NEW_ROWS[self.table] | changes


def constraints(connection: psycopg.Connection, *, with_implied: bool = False) -> list[Constraint]:
    """Return all constraints, by default without those that other constraints imply."""
    with connection.cursor(row_factory=class_row(Constraint)) as cursor:
        return [found for found in cursor.execute(CATALOG_QUERY) if with_implied or found.name not in IMPLIED]


def expected_names() -> set[str]:
    """Names of all constraints for which a rejected row is listed."""
    not_null = {f"{table}.{column}" for table, columns in NOT_NULL.items() for column in columns.split()}
    return {*REJECTED, *not_null, *(f"{table}.closed_is_closed" for table in CLOSED_IS_CLOSED)}


def rejections_without_each(connection: psycopg.Connection) -> dict[str, str | None]:
    """Drop each constraint in turn and return what still rejects its row: a constraint's name, or None."""
    rejected_by = {}
    with sample_rows(connection):
        for constraint in constraints(connection):
            with rolled_back(connection):
                connection.execute(constraint.drop_statement())
                rejected_by[constraint.name] = rejection(connection, constraint)
    return rejected_by


@contextmanager
def sample_rows(connection: psycopg.Connection) -> Iterator[None]:
    """Insert the sample rows for the length of the context, with all constraints immediate."""
    with rolled_back(connection):
        for table, row in SAMPLE_ROWS.items():
            insert(connection, table, row)
            for other, changes in EXTRA_ROWS:
                if other == table:
                    insert(connection, table, row | changes)
        connection.execute("set constraints all immediate")
        yield


def rejection(connection: psycopg.Connection, constraint: Constraint) -> str | None:
    """Write the row that the constraint must reject and return the name of what rejects it, or None."""
    try:
        with rolled_back(connection):
            if constraint.kind == "trigger":
                text = "update amocrm.{} set valid_to = valid_to where valid_to is not null"
                connection.execute(SQL(text).format(Identifier(constraint.table)))
            else:
                insert(connection, constraint.table, constraint.rejected_row())
    except psycopg.errors.NotNullViolation as error:
        return f"{error.diag.table_name}.{error.diag.column_name}"
    except psycopg.errors.IntegrityConstraintViolation:
        return f"{constraint.table}.closed_is_closed"
    except psycopg.IntegrityError as error:
        return error.diag.constraint_name
    return None


@contextmanager
def rolled_back(connection: psycopg.Connection) -> Iterator[None]:
    """Roll back everything that is done inside the context."""
    with connection.transaction(force_rollback=True):
        yield


def insert(connection: psycopg.Connection, table: str, row: Row) -> None:
    """Insert a row; columns that it does not name have their default."""
    name, columns = Identifier("amocrm", table), SQL(", ").join(map(Identifier, row))
    text = SQL("insert into {} ({}) select {} from jsonb_populate_record(null::{}, %s)")
    connection.execute(text.format(name, columns, columns, name), [Jsonb(row)])
