"""What grows in the warehouse though nobody reads it any more. What a load itself purges is ``load``'s subject."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from pipelines.config.settings import Settings
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.raw import purge_responses

MIN_AGE: Final = timedelta(days=1)
"""Answers that are younger stay, whatever the settings say: a load that is on its way may be about to publish them."""


def purge_all_responses(engine: Engine, settings: Settings, *, now: datetime) -> int:
    """Delete the raw answers of all accounts that are older than the settings keep them; how many.

    A load purges its own account's. This is for accounts that are loaded no more, one transaction each. Both this
    machine's clock and Postgres' must say that an answer is old: one that is wrong deletes nothing.
    """
    with transaction(engine) as connection:
        until = min(now, connection.execute(statement("database_time")).scalar_one()) - max(
            timedelta(days=settings.raw_retention_days), MIN_AGE
        )
        account_ids = connection.scalars(statement("accounts_with_old_answers"), {"until": until}).all()
    count = 0
    for account_id in account_ids:
        with transaction(engine) as connection:
            count += purge_responses(connection, account_id, until=until)
    return count
