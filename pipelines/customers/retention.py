"""Retention of ended stays of customers: numbers outlive them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from pipelines.config.settings import Settings
from pipelines.customers.stays import first_known_begin
from pipelines.load.retention import expired_until
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


def fold_old_stays(engine: Engine, settings: Settings, *, now: datetime) -> int:
    """Delete expired ended stays of all accounts, one transaction per account, and return their number.

    Sizes, flows and cohorts keep counting them. Stays that last are never deleted, and without the setting none is.
    """
    if settings.stay_retention_days is None:
        return 0
    with transaction(engine) as connection:
        until = expired_until(connection, now, settings.stay_retention_days)
        account_ids = connection.scalars(statement("accounts_with_expired_stays"), {"until": until}).all()
    count = 0
    for account_id in account_ids:
        values = {"account_id": account_id, "until": until}
        with transaction(engine) as connection:
            connection.execute(statement("lock_account"), values)  # no scan may be published meanwhile
            values["timezone"] = connection.scalar(statement("timezone_of_account"), values)
            values["begins_from"] = first_known_begin(connection, values)
            count += connection.execute(statement("fold_stays"), values).scalar_one()
            # In a timezone that changed since the scan, stays may be of another month than it counted them in.
            for name in ("delete_stay_months", "insert_stay_months"):
                connection.execute(statement(name), values | {"is_restart": False})
    return count
