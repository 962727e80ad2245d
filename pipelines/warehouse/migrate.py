"""Migrate a database to this version's schema: apply pending migrations, re-create changed views, grant roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

import sql
from pipelines.base.errors import DatabaseError, DatabaseUnavailable, MigrationError
from pipelines.warehouse.blockers import describe_blockers
from pipelines.warehouse.engine import (
    DEPENDENT_OBJECTS,
    DUPLICATE_SCHEMA,
    DUPLICATE_TABLE,
    FEATURE_NOT_SUPPORTED,
    INVALID_TABLE_DEFINITION,
    LOCK_NOT_AVAILABLE,
    UNIQUE_VIOLATION,
    execute_or_clear,
    sqlstate_of,
    translate_database_errors,
)
from pipelines.warehouse.locks import with_lock_retry
from pipelines.warehouse.queries import execute_as_is, statement, statement_text
from pipelines.warehouse.reader_logins import limit_logins
from pipelines.warehouse.readers import apply_isolation, is_isolated
from pipelines.warehouse.roles import find_missing_roles, grant_roles
from pipelines.warehouse.sql_files import Migration, View, read_migrations, read_views
from pipelines.warehouse.wide_views import drop_wide_views

SQL_FILES: Final = files(sql)

CREATED_CONCURRENTLY: Final = (UNIQUE_VIOLATION, DUPLICATE_SCHEMA, DUPLICATE_TABLE)
"""SQLSTATEs of creating a schema or table that another transaction has just created."""

BLOCKED_BY_VIEWS: Final = (DEPENDENT_OBJECTS, FEATURE_NOT_SUPPORTED, INVALID_TABLE_DEFINITION)
"""SQLSTATEs of changes that an existing view prevents: dropping or altering a column that it
selects, or replacing the view by one without a column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationResult:
    """Changes made by a migration; everything is empty if the database was current."""

    migrations: tuple[str, ...]  # names of the applied files, in order
    views: tuple[str, ...]  # names of the re-created views, all or none
    granted: tuple[str, ...] = ()  # roles that were granted missing privileges
    missing_roles: tuple[str, ...] = ()  # roles that do not exist and that we may not create
    limited_logins: tuple[str, ...] = ()  # readers' logins that were given missing limits


def migrate(engine: Engine, source: Traversable = SQL_FILES) -> MigrationResult:
    """Apply each pending migration in its own transaction, then re-create all views if one of them changed.

    Creates the roles ``amocrm_reader`` and ``amocrm_loader`` if our role may, and grants them their
    privileges if they exist. Each step runs in one process at a time; concurrent calls wait, then
    do the remaining steps. Loads and readers may go on: locks are taken with retries (see
    ``with_lock_retry``). Raises ``MigrationError``; finished steps stay, the failed one is rolled
    back.
    """
    migrations, views = read_migrations(source / "migrations"), read_views(source / "views")
    applied = []
    with translate_database_errors(), engine.connect() as connection:
        only_one = partial(_migration_lock, connection)
        with _raise_migration_errors("The schema"):
            _begin(connection)
        with connection.begin():
            pending_migrations = _unapplied_migrations(connection, migrations)
            is_changed = _views_differ(connection, views)
            view_names = [row.name for row in connection.execute(statement("created_views"))]
        for migration in pending_migrations:
            with _raise_migration_errors(migration.name):
                affected = _affected_relations(connection, migration)
                is_applied = with_lock_retry(
                    connection,
                    partial(_apply_migration, connection, migration, migrations),
                    tables=affected,
                    referenced=migration.referenced_tables,
                    views=view_names if affected else (),
                    first=only_one,
                )
                applied += [migration.name] if is_applied else []
        with _raise_migration_errors("The set of views"):
            # Views that a migration dropped need no lock.
            is_changed = with_lock_retry(
                connection,
                partial(_update_views, connection, views),
                views=view_names if is_changed else (),
                first=only_one,
            )
            drop_wide_views(connection)
        with _raise_migration_errors("What the roles amocrm_reader and amocrm_loader may do"):
            granted = _grant_roles(connection, only_one)
            with connection.begin():
                only_one()
                absent_roles = find_missing_roles(connection)
                limited = limit_logins(connection)
    return MigrationResult(
        migrations=tuple(applied),
        views=tuple(view.name for view in views) if is_changed else (),
        granted=granted,
        missing_roles=absent_roles,
        limited_logins=limited,
    )


def _affected_relations(connection: Connection, migration: Migration) -> frozenset[str]:
    """Read which existing relations a migration may change.

    If there are none, no view can block it.
    """
    with connection.begin():
        return migration.changed_relations & set(connection.scalars(statement("existing_relations")))


def _begin(connection: Connection) -> None:
    """Create the schema and the table of migrations, unless they exist or another process is creating them."""
    try:
        with connection.begin():
            if not connection.scalar(statement("schema_exists")):
                execute_as_is(connection, sql.read("bootstrap"))
    except DBAPIError as error:
        with connection.begin():
            if sqlstate_of(error) not in CREATED_CONCURRENTLY or not connection.scalar(statement("schema_exists")):
                raise


def _apply_migration(connection: Connection, migration: Migration, migrations: Sequence[Migration]) -> bool:
    """Apply a migration and return True, unless another process has applied it in the meantime."""
    if migration not in _unapplied_migrations(connection, migrations):
        return False
    _execute_dropping_views(connection, [migration.text])
    connection.execute(
        statement("insert_migration"),
        {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
    )
    return True


def _update_views(connection: Connection, views: Sequence[View]) -> bool:
    """Re-create the views if they differ, and re-apply the isolation of readers.

    Returns True if they differed.
    """
    is_changed = _views_differ(connection, views)
    if is_changed:
        _replace_views(connection, views)
    # In the same transaction, so that no reader of one account ever sees a new view without its
    # restriction.
    if is_isolated(connection):
        apply_isolation(connection)
    return is_changed


def _grant_roles(connection: Connection, only_one: Callable[[], object]) -> tuple[str, ...]:
    """Grant missing privileges, in as many transactions as needed, and return the roles that lacked some."""
    granted: dict[str, None] = {}
    while True:
        with connection.begin():
            only_one()
            newly_granted = grant_roles(connection)
        if not newly_granted:
            return tuple(granted)
        granted |= dict.fromkeys(newly_granted)


def list_pending(engine: Engine, source: Traversable = SQL_FILES) -> tuple[str, ...]:
    """List the migrations that ``migrate`` would apply, and ``views`` if it would re-create those.

    Raises ``MigrationError`` if an applied migration was edited or is unknown to this version.
    """
    migrations, views = read_migrations(source / "migrations"), read_views(source / "views")
    with translate_database_errors(), engine.connect() as connection:
        if not connection.scalar(statement("schema_exists")):
            return (*(migration.name for migration in migrations), "views")
        pending_names = [migration.name for migration in _unapplied_migrations(connection, migrations)]
        return (*pending_names, "views") if _views_differ(connection, views) else tuple(pending_names)


def check_schema(engine: Engine, source: Traversable = SQL_FILES) -> None:
    """Raise ``MigrationError`` unless the database has exactly this version's schema."""
    pending_names = list_pending(engine, source)
    if pending_names:
        raise MigrationError(f"The database lacks migrations of this version: {', '.join(pending_names)}.")


def _migration_lock(connection: Connection) -> None:
    """Take the migration lock until the transaction ends.

    Raises ``MigrationError`` if another process keeps it.
    """
    try:
        execute_as_is(connection, statement_text("lock_schema"))
    except DBAPIError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            raise
        connection.rollback()
        raise MigrationError(
            f"Another process is migrating this database. {describe_blockers(connection)}".rstrip(),
            advice="Wait until it has finished, then run again.",
        ) from error


@contextmanager
def _raise_migration_errors(step: str) -> Iterator[None]:
    """Translate database errors of a step to ``MigrationError``."""
    try:
        with translate_database_errors():
            yield
    except (DatabaseUnavailable, MigrationError):
        raise
    except DatabaseError as error:
        raise MigrationError(
            f"{step} could not be applied and was rolled back: {error.message}", advice=error.advice
        ) from error


def _unapplied_migrations(connection: Connection, migrations: Sequence[Migration]) -> Sequence[Migration]:
    """List the migrations left to apply.

    Raises ``MigrationError`` if the applied ones differ from the files.
    """
    applied = connection.execute(statement("applied_migrations")).all()
    for row, migration in zip(applied, migrations, strict=False):
        if row.name != migration.name or row.checksum != migration.checksum:
            raise MigrationError(
                f"Migration {row.name} was already applied, but this version's file differs.",
                advice="Install the version of the program that migrated this database, or a newer one, unchanged.",
            )
    if len(applied) > len(migrations):
        raise MigrationError(
            f"The database is newer than this program, which does not know the applied migration {applied[-1].name}.",
            advice="Install the version of the program that migrated it, or a newer one.",
        )
    return migrations[len(applied) :]


def _views_differ(connection: Connection, views: Sequence[View]) -> bool:
    """Tell if the views in the database differ from these."""
    existing = {row.name: row.checksum for row in connection.execute(statement("created_views")) if row.is_there}
    return existing != {view.name: view.checksum for view in views}


def _replace_views(connection: Connection, views: Sequence[View]) -> None:
    """Replace the views, which keeps dependent objects of others; if Postgres refuses, drop and re-create them."""
    _execute_dropping_views(connection, [view.text for view in views])
    execute_as_is(connection, statement_text("restore_view_grants"))
    for view in views:
        connection.execute(statement("upsert_view"), {"name": view.name, "checksum": view.checksum})
    current_names = {view.name for view in views}
    for row in connection.execute(statement("created_views")).all():
        if row.name not in current_names:
            _drop_views(connection, [row.name])
            connection.execute(statement("delete_view"), {"name": row.name})


def _execute_dropping_views(connection: Connection, texts: Sequence[str]) -> None:
    """Execute the statements; if our views block them, drop the views first.

    ``migrate`` re-creates them at its end.
    """

    def drop_views() -> None:
        connection.execute(statement("save_view_grants"))
        _drop_views(connection, [row.name for row in connection.execute(statement("created_views"))])

    execute_or_clear(connection, texts, BLOCKED_BY_VIEWS, drop_views)


def _drop_views(connection: Connection, names: Sequence[str]) -> None:
    """Drop views, without ``cascade``: never drop what others built on our views."""
    if names:
        views = SQL(", ").join(Identifier("analytics", name) for name in names)
        execute_as_is(connection, SQL("drop view if exists {}").format(views))
