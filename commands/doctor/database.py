"""Checks of the warehouse: reachable, new enough, writable, migrated."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok
from commands.doctor.reader_limits import check_reader_limits
from commands.doctor.roles import check_roles_of_database
from pipelines.base.errors import DatabaseError, MigrationError
from pipelines.warehouse.engine import READ_ONLY_ADVICE, transaction
from pipelines.warehouse.migrate import list_pending
from pipelines.warehouse.queries import statement


def check_database(engine: Engine) -> Iterator[Check]:
    """Yield every check of the database."""
    try:
        with transaction(engine) as connection:
            facts = connection.execute(statement("doctor_database")).one()
    except DatabaseError as error:
        yield failed("database: access", error)
        return
    yield ok("database: access", f"PostgreSQL {facts.version}, database {facts.name}, as {facts.role_name}.")
    yield check_privileges(is_read_only=facts.is_read_only, may_write=facts.may_write, role_name=facts.role_name)
    migrations = check_migrations(engine)
    yield migrations
    if migrations.status == "ok":
        yield from check_roles_of_database(engine)
        yield check_reader_limits(engine)


def check_privileges(*, is_read_only: bool, may_write: bool, role_name: str) -> Check:
    """Check that a load may write to the schema, or create it if it does not exist."""
    subject = "database: privileges"
    if is_read_only:
        return failed(subject, DatabaseError("The server is read-only.", advice=READ_ONLY_ADVICE))
    if not may_write:
        return failed(
            subject,
            DatabaseError(
                f"The role {role_name} may not write to the warehouse.",
                advice="Set DATABASE_URL to the role that migrated it; a first migration needs CREATE on the database.",
            ),
        )
    return ok(subject, f"The role {role_name} may write.")


def check_migrations(engine: Engine) -> Check:
    """Check that the schema is the one that this version needs."""
    subject = "database: migrations"
    try:
        pending_migrations = list_pending(engine)
    except DatabaseError as error:
        return failed(subject, error)
    if pending_migrations:
        return failed(subject, MigrationError(f"Pending migrations: {', '.join(pending_migrations)}."))
    return ok(subject, "Tables and views are up to date.")
