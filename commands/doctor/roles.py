"""Roles of the warehouse: whether they are there, belong to this database only, and hide what they are to hide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Engine, Row

from commands.doctor.check import Check, failed, ok, warning
from pipelines.errors import DatabaseError
from pipelines.program import program_here
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.readers import spelled
from pipelines.warehouse.roles import grant_counts, making, missing_roles, quoted, role_names
from pipelines.warehouse.statements import statement
from pipelines.wording import listed

REMOVE_STATISTICS: Final = (
    "delete from pg_statistic where starelid in (select oid from pg_class where relnamespace = 'amocrm'::regnamespace);"
)
"""SQL that removes the planner's statistics of our tables; only a superuser may."""


def check_roles_of_database(engine: Engine) -> Iterator[Check]:
    """Every check of roles and of what readers could learn."""
    yield check_roles(engine)
    try:
        with transaction(engine) as connection:
            facts = connection.execute(statement("doctor_roles")).one()
            shared = connection.execute(statement("shared_roles")).all()
            parting = connection.scalars(statement("parting_roles")).all() if shared else ()
    except DatabaseError as error:
        yield failed("database: rights", error)
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
    """Whether the roles for those who read and load are there, and may do so."""
    subject, again = "database: roles", f"'{program_here()} migrate'"
    try:
        with transaction(engine) as connection:
            roles = role_names(connection).granted()
            missing, counts = missing_roles(connection), grant_counts(connection, roles)
    except DatabaseError as error:
        return failed(subject, error)
    if missing:
        return warning(
            subject,
            f"There is no {' and no '.join(missing)}, for logins that only read or load.",
            f"As an administrator: {making(missing)} Then run {again} once more.",
        )
    if bare := [role for role in roles if not counts[role]]:
        return warning(subject, f"{' and '.join(bare)} may do nothing yet.", f"Run {again} as the owner.")
    return ok(subject, f"{' and '.join(roles)} are there.")


def check_rights(*, is_superuser: bool, may_make_roles: bool, major: int) -> Check:
    """Whether the role of DATABASE_URL could take over the server."""
    subject = "database: rights"
    if is_superuser:
        return warning(
            subject,
            "The role of DATABASE_URL is a superuser: it can run programs on the server and read every database.",
            "Set DATABASE_URL to a role of its own that owns the database (docs/operations.md, Roles).",
        )
    if may_make_roles and major < 16:
        return warning(
            subject,
            f"On PostgreSQL {major} a role with CREATEROLE can grant itself any other, such as"
            " pg_execute_server_program.",
            "Use PostgreSQL 16 or newer, or take it away (alter role … nocreaterole) and have an administrator make the"
            f" roles: '{program_here()} migrate' and '{program_here()} reader' print the statements.",
        )
    return ok(subject, "The role of DATABASE_URL has no rights beyond its own.")


def shared_roles(shared: Sequence[Row[Any]], parting: Sequence[str]) -> Check:
    """Logins that read another database of the server by the roles of this one."""
    others = sorted({name for row in shared for name in row.database_names})
    logins = sorted({name for row in shared for name in row.logins})
    names = ", ".join(quoted(row.name) for row in shared)
    return warning(
        "database: shared roles",
        f"{names} have rights in the databases {listed(others)} as well: the logins {listed(logins)} may read them"
        " all.",
        f"To part them, as the owner in this database: {spelled(parting)} Then run '{program_here()} migrate' and"
        f" '{program_here()} reader', and grant the new roles to the logins that shall read here.",
    )


def check_readers(*, has_statistics: bool, keeps_plans_of_other_roles: bool) -> Check:
    """Whether readers of single accounts could learn something of the others from the server."""
    subject = "database: readers of one account"
    if has_statistics:
        return warning(
            subject,
            "Postgres keeps statistics of all accounts' values from before readers were told apart, and explain shows"
            " estimates made of them.",
            f"As a superuser: {REMOVE_STATISTICS} Without one, dump and restore the database, or use PostgreSQL 18."
            " Drop what somebody made by 'create statistics'; so does the next migrate, where it may.",
        )
    if keeps_plans_of_other_roles:
        return warning(
            subject,
            "This server's version may show a session that changes its role the rows of the role before"
            " (CVE-2024-10976).",
            "Bring the server to the newest minor version.",
        )
    return ok(subject, "Plans, estimates and policies show them their own accounts only.")


def check_lock_table(*, is_open: bool) -> Check:
    """Check that no login can fill the server's lock table, after which nobody connects."""
    subject = "database: lock table"
    if is_open:
        return warning(
            subject,
            "Every login can fill the server's lock table with advisory locks; then loads and new connections fail.",
            "As a superuser in this database, by psql: select format('revoke execute on function %s from public',"
            " oid::regprocedure) from pg_proc where proname ~ 'advisory.*lock' \\gexec",
        )
    return ok(subject, "Readers cannot fill it.")
