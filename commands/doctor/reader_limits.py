"""Check that every reader's login has limits, so that readers cannot stop loads."""

from __future__ import annotations

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok, warning
from pipelines.base.errors import DatabaseError
from pipelines.base.language import lazy_gettext
from pipelines.base.program import program_name
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.reader_logins import unlimited_logins

SUBJECT = lazy_gettext("database: readers' limits")


def check_reader_limits(engine: Engine) -> Check:
    """Check that the logins in our reader roles have a connection limit and timeouts."""
    try:
        with transaction(engine) as connection:
            unlimited = unlimited_logins(connection)
    except DatabaseError as error:
        return failed(SUBJECT, error)
    if not unlimited:
        return ok(SUBJECT, lazy_gettext("Every reader's login has a connection limit and timeouts."))
    names = ", ".join(one.login for one in unlimited)
    changes = " ".join(one.changes for one in unlimited)
    return warning(
        SUBJECT,
        lazy_gettext("Logins without limits, which can use all connections of the server: %(names)s.", names=names),
        lazy_gettext(
            "Run '%(program)s migrate' as the role that created them, or as an administrator: %(statements)s",
            program=program_name(),
            statements=changes,
        ),
    )
