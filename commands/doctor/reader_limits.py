"""Whether every login that reads has limits, so that a reader cannot stop loads."""

from __future__ import annotations

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok, warning
from pipelines.base.errors import DatabaseError
from pipelines.base.program import program_name
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.reader_logins import unlimited_logins

SUBJECT = "database: readers' limits"


def check_reader_limits(engine: Engine) -> Check:
    """Whether the logins in our reader roles have a connection limit and timeouts."""
    try:
        with transaction(engine) as connection:
            unlimited = unlimited_logins(connection)
    except DatabaseError as error:
        return failed(SUBJECT, error)
    if not unlimited:
        return ok(SUBJECT, "Every login that reads has a connection limit and timeouts.")
    names = ", ".join(one.login for one in unlimited)
    changes = " ".join(one.changes for one in unlimited)
    return warning(
        SUBJECT,
        f"Logins without limits, which can take all connections of the server: {names}.",
        f"Run '{program_name()} migrate' as the role that made them, or as an administrator: {changes}",
    )
