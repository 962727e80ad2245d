"""Accounts whose customers a schedule should scan now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pipelines.config.accounts import AccountSettings, AnyAccount, UnusableAccount
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
MIN_INTERVAL: Final = timedelta(hours=12)
"""Time between two scheduled scans of an account: one per night."""


def due_accounts(
    engine: Engine, accounts: Sequence[AccountSettings], now: datetime, timezone: str
) -> list[AccountSettings]:
    """Return the loaded accounts whose hours have come and that were not scanned within half a day.

    Those without a scan and those whose latest one is oldest come first, so that a night that is too short for all of
    them leaves out others than the night before.
    """
    open_now = [account for account in accounts if is_open(account, now, timezone)]
    if not open_now:
        return []
    with transaction(engine) as connection:
        rows = connection.execute(statement("latest_scans"), {"keys": [account.key for account in open_now]}).all()
    scanned_at = {row.account_key: row.started_at for row in rows}
    latest = {account.key: scanned_at[account.key] or NEVER for account in open_now if account.key in scanned_at}
    due = [account for account in open_now if account.key in latest and now - latest[account.key] >= MIN_INTERVAL]
    return sorted(due, key=lambda account: latest[account.key])


def is_open(account: AnyAccount, now: datetime, timezone: str) -> bool:
    """Return True if scans of the account are switched on and may start at this time."""
    window = None if isinstance(account, UnusableAccount) else account.customers
    return window is not None and window.holds(now.astimezone(ZoneInfo(timezone)))
