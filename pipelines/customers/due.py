"""Accounts whose customers a schedule should scan now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pipelines.config.accounts import AccountSettings
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

MIN_INTERVAL: Final = timedelta(hours=12)
"""Time between two scheduled scans of an account: one per night."""


def due_accounts(
    engine: Engine, accounts: Sequence[AccountSettings], now: datetime, timezone: str
) -> list[AccountSettings]:
    """Return the loaded accounts whose hours have come and that were not scanned within half a day."""
    local = now.astimezone(ZoneInfo(timezone))
    open_now = [account for account in accounts if account.customers and account.customers.holds(local)]
    if not open_now:
        return []
    with transaction(engine) as connection:
        rows = connection.execute(statement("latest_scans"), {"keys": [account.key for account in open_now]}).all()
    scanned_at = {row.account_key: row.started_at for row in rows}
    return [
        account
        for account in open_now
        if account.key in scanned_at
        and (scanned_at[account.key] is None or now - scanned_at[account.key] >= MIN_INTERVAL)
    ]
