"""Checks of the warehouse: reachable, new enough, writable, migrated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok
from commands.doctor.reader_limits import check_reader_limits
from commands.doctor.roles import check_roles_of_database
from pipelines.base.errors import DatabaseError, MigrationError
from pipelines.base.language import lazy_gettext
from pipelines.warehouse.engine import READ_ONLY_ADVICE, transaction
from pipelines.warehouse.migrate import list_pending
from pipelines.warehouse.queries import statement


def check_database(engine: Engine) -> Iterator[Check]:
    """Yield every check of the database."""
    try:
        with transaction(engine) as connection:
            facts = connection.execute(statement("doctor_database")).one()
    except DatabaseError as error:
        yield failed(lazy_gettext("database: access"), error)
        return
    yield ok(
        lazy_gettext("database: access"),
        lazy_gettext(
            "PostgreSQL %(version)s, database %(name)s, as %(role)s.",
            version=facts.version,
            name=facts.name,
            role=facts.role_name,
        ),
    )
    yield check_privileges(is_read_only=facts.is_read_only, may_write=facts.may_write, role_name=facts.role_name)
    migrations = check_migrations(engine)
    yield migrations
    if migrations.status == "ok":
        yield from check_roles_of_database(engine)
        yield check_reader_limits(engine)


def check_privileges(*, is_read_only: bool, may_write: bool, role_name: str) -> Check:
    """Check that a load may write to the schema, or create it if it does not exist."""
    subject = lazy_gettext("database: privileges")
    if is_read_only:
        return failed(subject, DatabaseError(lazy_gettext("The server is read-only."), advice=READ_ONLY_ADVICE))
    if not may_write:
        return failed(
            subject,
            DatabaseError(
                lazy_gettext("The role %(role)s may not write to the warehouse.", role=role_name),
                advice=lazy_gettext(
                    "Set DATABASE_URL to the role that migrated it; a first migration needs CREATE on the database."
                ),
            ),
        )
    return ok(subject, lazy_gettext("The role %(role)s may write.", role=role_name))


def check_migrations(engine: Engine) -> Check:
    """Check that the schema is the one that this version needs."""
    subject = lazy_gettext("database: migrations")
    try:
        pending_migrations = list_pending(engine)
    except DatabaseError as error:
        return failed(subject, error)
    if pending_migrations:
        names = ", ".join(_shorten(pending_migrations))
        return failed(subject, MigrationError(lazy_gettext("Pending migrations: %(names)s.", names=names)))
    return ok(subject, lazy_gettext("Tables and views are up to date."))


def _shorten(names: Sequence[str]) -> Sequence[str]:
    """Leave out the middle of a long list: a new database lacks every migration."""
    return names if len(names) <= 4 else (names[0], "…", *names[-2:])
