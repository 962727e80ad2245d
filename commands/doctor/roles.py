"""Checks of database roles: that they exist, serve this database only, and isolate accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Engine, Row

from commands.doctor.check import Check, failed, ok, warning
from pipelines.base.errors import DatabaseError
from pipelines.base.language import lazy_gettext
from pipelines.base.program import program_name
from pipelines.base.text import MAX_NAMES, join_names
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.readers import spelled
from pipelines.warehouse.roles import count_grants, create_roles_sql, find_missing_roles, quoted, role_names

REMOVE_STATISTICS: Final = (
    "delete from pg_statistic where starelid in (select oid from pg_class where relnamespace = 'amocrm'::regnamespace);"
)
"""SQL that removes the planner's statistics of our tables; only a superuser may."""


REVOKE_ADVISORY_LOCKS: Final = (
    "select format('revoke execute on function %s from public', oid::regprocedure) from pg_proc"
    " where proname ~ 'advisory.*lock' \\gexec"
)
"""SQL for psql that leaves advisory locks to superusers and owners."""


def check_roles_of_database(engine: Engine) -> Iterator[Check]:
    """Yield every check of roles."""
    yield check_roles(engine)
    try:
        with transaction(engine) as connection:
            facts = connection.execute(statement("doctor_roles")).one()
            shared = connection.execute(statement("shared_roles")).all()
            parting = connection.scalars(statement("parting_roles")).all() if shared else ()
    except DatabaseError as error:
        yield failed(lazy_gettext("database: rights"), error)
        return
    yield check_rights(is_superuser=facts.is_superuser, may_make_roles=facts.may_make_roles, major=facts.major)
    if any(row.logins for row in shared):
        yield shared_roles(shared, parting)
    if facts.is_isolated:
        yield check_readers(
            has_statistics=facts.has_statistics, keeps_plans_of_other_roles=facts.keeps_plans_of_other_roles
        )
        yield check_lock_table(is_open=facts.may_fill_lock_table)


def check_roles(engine: Engine) -> Check:
    """Check that the roles for readers and loaders exist and have their rights."""
    subject, migrate = lazy_gettext("database: roles"), f"'{program_name()} migrate'"
    try:
        with transaction(engine) as connection:
            roles = role_names(connection).granted()
            missing, counts = find_missing_roles(connection), count_grants(connection, roles)
    except DatabaseError as error:
        return failed(subject, error)
    if missing:
        return warning(
            subject,
            lazy_gettext("Missing roles for logins that only read or load: %(names)s.", names=", ".join(missing)),
            lazy_gettext(
                "As an administrator: %(statements)s Then run %(command)s again.",
                statements=create_roles_sql(missing),
                command=migrate,
            ),
        )
    if without_rights := [role for role in roles if not counts[role]]:
        return warning(
            subject,
            lazy_gettext("Roles without rights: %(names)s.", names=", ".join(without_rights)),
            lazy_gettext("Run %(command)s as the owner.", command=migrate),
        )
    return ok(subject, lazy_gettext("Present: %(names)s.", names=", ".join(roles)))


def check_rights(*, is_superuser: bool, may_make_roles: bool, major: int) -> Check:
    """Check that the role of DATABASE_URL cannot take over the server."""
    subject = lazy_gettext("database: rights")
    if is_superuser:
        return warning(
            subject,
            lazy_gettext(
                "The role of DATABASE_URL is a superuser: it can run programs on the server and read every database."
            ),
            lazy_gettext("Set DATABASE_URL to a role of its own that owns the database (docs/operations.md, Roles)."),
        )
    if may_make_roles and major < 16:
        return warning(
            subject,
            lazy_gettext(
                "On PostgreSQL %(major)s a role with CREATEROLE can grant itself any other, such as"
                " pg_execute_server_program.",
                major=major,
            ),
            lazy_gettext(
                "Use PostgreSQL 16 or newer, or revoke CREATEROLE (alter role … nocreaterole) and let an administrator"
                " create the roles: '%(program)s migrate' and '%(program)s reader' print the statements.",
                program=program_name(),
            ),
        )
    return ok(subject, lazy_gettext("The role of DATABASE_URL has no rights beyond its own database."))


def shared_roles(shared: Sequence[Row[Any]], parting: Sequence[str]) -> Check:
    """Warn of roles that give their logins access to other databases of the server."""
    others = sorted({name for row in shared for name in row.database_names})
    logins = sorted({name for row in shared for name in row.logins})
    names = ", ".join(quoted(row.name) for row in shared)
    return warning(
        lazy_gettext("database: shared roles"),
        lazy_gettext(
            "%(roles)s also have rights in the databases %(databases)s: the logins %(logins)s may read all of them.",
            roles=names,
            databases=partial(join_names, others, MAX_NAMES),
            logins=partial(join_names, logins, MAX_NAMES),
        ),
        lazy_gettext(
            "To separate them, as the owner in this database: %(statements)s Then run '%(program)s migrate' and"
            " '%(program)s reader', and grant the new roles to this database's readers.",
            statements=spelled(parting),
            program=program_name(),
        ),
    )


def check_readers(*, has_statistics: bool, keeps_plans_of_other_roles: bool) -> Check:
    """Check that readers of one account cannot learn about others from the server."""
    subject = lazy_gettext("database: readers of one account")
    if has_statistics:
        return warning(
            subject,
            lazy_gettext(
                "Postgres has statistics of all accounts' values from before readers were isolated, and explain shows"
                " estimates based on them."
            ),
            lazy_gettext(
                "As a superuser: %(statement)s Without one, dump and restore the database, or use PostgreSQL 18."
                " Drop what somebody made by 'create statistics'; so does the next migrate, where it may.",
                statement=REMOVE_STATISTICS,
            ),
        )
    if keeps_plans_of_other_roles:
        return warning(
            subject,
            lazy_gettext(
                "This server's version may show a session that changes its role the rows of the previous role"
                " (CVE-2024-10976)."
            ),
            lazy_gettext("Update the server to the latest minor version."),
        )
    return ok(subject, lazy_gettext("Plans, estimates and policies show readers only their own accounts."))


def check_lock_table(*, is_open: bool) -> Check:
    """Check that no login can fill the server's lock table, after which nobody connects."""
    subject = lazy_gettext("database: lock table")
    if is_open:
        return warning(
            subject,
            lazy_gettext(
                "Every login can fill the server's lock table with advisory locks; then loads and new connections fail."
            ),
            lazy_gettext("As a superuser in this database, by psql: %(statement)s", statement=REVOKE_ADVISORY_LOCKS),
        )
    return ok(subject, lazy_gettext("Readers cannot fill it."))
