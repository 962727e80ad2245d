"""Retention of raw responses across all accounts, including those that are no longer loaded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from pipelines.config.settings import Settings
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.raw import purge_responses

MIN_AGE: Final = timedelta(days=1)
"""Younger data stay, whatever the settings say: an active load may be about to publish them."""


def purge_all_responses(engine: Engine, settings: Settings, *, now: datetime) -> int:
    """Delete expired raw responses of all accounts, one transaction per account, and return their number.

    A load purges only its own account.
    """
    with transaction(engine) as connection:
        until = expired_until(connection, now, settings.raw_retention_days)
        account_ids = connection.scalars(statement("accounts_with_expired_responses"), {"until": until}).all()
    count = 0
    for account_id in account_ids:
        with transaction(engine) as connection:
            count += purge_responses(connection, account_id, until=until)
    return count


def expired_until(connection: Connection, now: datetime, days: int) -> datetime:
    """Return the instant by which data kept for so many days have expired.

    Data count as old only if both this machine's clock and Postgres' clock say so: a wrong clock never deletes data.
    """
    database_time: datetime = connection.execute(statement("database_time")).scalar_one()
    return min(now, database_time) - max(timedelta(days=days), MIN_AGE)
