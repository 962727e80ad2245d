"""Bringing a database to the schema that this program needs: migrations forward only, then the views as one set.

How the files are named and ordered is ``sql_files``' knowledge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from pipelines.warehouse.engine import LOCK_NOT_AVAILABLE, translate_database_errors
from pipelines.warehouse.locks import with_lock_retry
from pipelines.warehouse.queries import execute_as_is, statement, statement_text
from pipelines.warehouse.reader_logins import limit_logins
from pipelines.warehouse.readers import apply_isolation, is_isolated
from pipelines.warehouse.roles import find_missing_roles, grant_roles
from pipelines.warehouse.sql_files import Migration, View, read_migrations, read_views

SQL_FILES: Final = files(sql)

MADE_MEANWHILE: Final = ("23505", "42P06", "42P07")
"""SQLSTATEs of making a schema or a table that another transaction has just made."""

BLOCKED_BY_VIEWS: Final = ("2BP01", "0A000", "42P16")
"""SQLSTATEs of what Postgres refuses because a view is there already: dropping or altering a column that it shows, and
replacing it by one that lacks a column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationResult:
    """What migrating did; all is empty when there was nothing to do."""

    migrations: tuple[str, ...]  # names of the files applied, in order
    views: tuple[str, ...]  # names of the views made, all of them or none
    granted: tuple[str, ...] = ()  # roles that were granted what they lacked
    missing_roles: tuple[str, ...] = ()  # roles that do not exist, and that we may not make
    limited_logins: tuple[str, ...] = ()  # readers' logins that were given the limits that they lacked


def migrate(engine: Engine, source: Traversable = SQL_FILES) -> MigrationResult:
    """Apply what is pending, each migration in a transaction of its own, and make the views if any of them changed.

    The roles ``amocrm_reader`` and ``amocrm_loader`` are made where we may make roles, and granted what they need
    wherever they are there.
    Only one process at a time does each of these steps; others wait, and do what is left. Loads and readers may go on:
    it gives way to them (see ``giving_way``), where it changes what they read or write. Raises ``MigrationError``, with
    all that was finished before kept, and what failed rolled back whole.
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
            view_names = [row.name for row in connection.execute(statement("made_views"))]
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
            # Views that a migration had to drop are gone, so nobody reads them.
            is_changed = with_lock_retry(
                connection,
                partial(_update_views, connection, views),
                views=view_names if is_changed else (),
                first=only_one,
            )
        with _raise_migration_errors("What the roles amocrm_reader and amocrm_loader may do"), connection.begin():
            only_one()
            granted, absent_roles = grant_roles(connection), find_missing_roles(connection)
            limited = limit_logins(connection)
    return MigrationResult(
        migrations=tuple(applied),
        views=tuple(view.name for view in views) if is_changed else (),
        granted=granted,
        missing_roles=absent_roles,
        limited_logins=limited,
    )


def _affected_relations(connection: Connection, migration: Migration) -> frozenset[str]:
    """What a migration may change of what is there; where that is nothing, no view can stand in its way."""
    with connection.begin():
        return migration.changed_relations & set(connection.scalars(statement("what_is_there")))


def _begin(connection: Connection) -> None:
    """Make what migrating itself needs, unless it is there or another process makes it at this moment."""
    try:
        with connection.begin():
            if not connection.scalar(statement("schema_is_there")):
                execute_as_is(connection, sql.read("bootstrap"))
    except DBAPIError as error:
        with connection.begin():
            if _sqlstate(error) not in MADE_MEANWHILE or not connection.scalar(statement("schema_is_there")):
                raise


def _apply_migration(connection: Connection, migration: Migration, migrations: Sequence[Migration]) -> bool:
    """Apply a migration, unless another process did since it was found to be pending; whether it was applied."""
    if migration not in _unapplied_migrations(connection, migrations):
        return False
    _execute_dropping_views(connection, [migration.text])
    connection.execute(
        statement("insert_migration"),
        {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
    )
    return True


def _update_views(connection: Connection, views: Sequence[View]) -> bool:
    """Make the views if they are not those, and have all of them obey the rule for readers; whether they were made."""
    is_changed = _views_differ(connection, views)
    if is_changed:
        _replace_views(connection, views)
    # In the same transaction: no reader of one account may find a view made anew that shows them all.
    if is_isolated(connection):
        apply_isolation(connection)
    return is_changed


def list_pending(engine: Engine, source: Traversable = SQL_FILES) -> tuple[str, ...]:
    """Names of the migrations that ``migrate`` would apply, and ``views`` if it would make those anew.

    Raises ``MigrationError`` where migrating is impossible: an applied migration was edited or is unknown here.
    """
    migrations, views = read_migrations(source / "migrations"), read_views(source / "views")
    with translate_database_errors(), engine.connect() as connection:
        if not connection.scalar(statement("schema_is_there")):
            return (*(migration.name for migration in migrations), "views")
        pending_names = [migration.name for migration in _unapplied_migrations(connection, migrations)]
        return (*pending_names, "views") if _views_differ(connection, views) else tuple(pending_names)


def check_schema(engine: Engine, source: Traversable = SQL_FILES) -> None:
    """Raise ``MigrationError`` unless the database has exactly the schema that this program needs."""
    pending_names = list_pending(engine, source)
    if pending_names:
        raise MigrationError(f"The database lacks what this version of the program needs: {', '.join(pending_names)}.")


def _migration_lock(connection: Connection) -> None:
    """Keep other migrating processes waiting until the transaction ends."""
    try:
        execute_as_is(connection, statement_text("lock_schema"))
    except DBAPIError as error:
        if _sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        connection.rollback()
        raise MigrationError(
            f"Another process is migrating this database. {describe_blockers(connection)}".rstrip(),
            advice="Wait until it has finished, then run again.",
        ) from error


@contextmanager
def _raise_migration_errors(step: str) -> Iterator[None]:
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
    """The migrations that are left to apply, after comparing the others with what was applied."""
    applied = connection.execute(statement("applied_migrations")).all()
    for row, migration in zip(applied, migrations, strict=False):
        if row.name != migration.name or row.checksum != migration.checksum:
            raise MigrationError(
                f"The migration {row.name} was applied to this database and is another one here.",
                advice="Install the version of the program that made this database, or a newer one, unchanged.",
            )
    if len(applied) > len(migrations):
        raise MigrationError(
            f"The database is newer than this program: {applied[-1].name} was applied, which is unknown here.",
            advice="Install the version of the program that migrated it, or a newer one.",
        )
    return migrations[len(applied) :]


def _views_differ(connection: Connection, views: Sequence[View]) -> bool:
    """Whether the views in the database are not exactly these."""
    existing = {row.name: row.checksum for row in connection.execute(statement("made_views")) if row.is_there}
    return existing != {view.name: view.checksum for view in views}


def _replace_views(connection: Connection, views: Sequence[View]) -> None:
    """Replace the views, which keeps what others built on them; where Postgres refuses, make them anew."""
    _execute_dropping_views(connection, [view.text for view in views])
    execute_as_is(connection, statement_text("restore_view_grants"))
    for view in views:
        connection.execute(statement("upsert_view"), {"name": view.name, "checksum": view.checksum})
    current_names = {view.name for view in views}
    for row in connection.execute(statement("made_views")).all():
        if row.name not in current_names:
            _drop_views(connection, [row.name])
            connection.execute(statement("delete_view"), {"name": row.name})


def _execute_dropping_views(connection: Connection, texts: Sequence[str]) -> None:
    """Execute the texts; where our views stand in the way, drop those first: migrating ends with making them."""
    try:
        with connection.begin_nested():
            for text in texts:
                execute_as_is(connection, text)
    except DBAPIError as error:
        if _sqlstate(error) not in BLOCKED_BY_VIEWS:
            raise
        connection.execute(statement("keep_view_grants"))
        _drop_views(connection, [row.name for row in connection.execute(statement("made_views"))])
        for text in texts:
            execute_as_is(connection, text)


def _drop_views(connection: Connection, names: Sequence[str]) -> None:
    """Never with ``cascade``: what others built on our views is not ours to drop."""
    if names:
        views = SQL(", ").join(Identifier("analytics", name) for name in names)
        execute_as_is(connection, SQL("drop view if exists {}").format(views))


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
