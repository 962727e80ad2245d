"""Check of what is stored of customers whose scans are switched off."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Engine

from commands.doctor.check import Check, warning
from pipelines.base.errors import DatabaseError
from pipelines.base.language import lazy_gettext
from pipelines.base.program import program_name
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


def check_stored_customers(engine: Engine, scanned_keys: Collection[str]) -> Iterator[Check]:
    """Warn of accounts with stays of customers, although their scans are off or they are in no settings."""
    try:
        with transaction(engine) as connection:
            stored_keys = connection.scalars(statement("accounts_with_customers")).all()
    except DatabaseError:
        return  # the database checks report it
    for key in stored_keys:
        if key not in scanned_keys:
            yield warning(
                lazy_gettext("account '%(key)s': customers", key=key),
                lazy_gettext("Scans are switched off, and the stays of earlier ones are still stored."),
                lazy_gettext(
                    "To delete them, run '%(program)s forget --all-customers --account %(key)s'.",
                    program=program_name(),
                    key=key,
                ),
            )
