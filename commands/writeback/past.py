"""The state of an account at an instant of its history that somebody names."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Snapshot
from pipelines.base.errors import SettingsError
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.past import StoredAccount, read_last_observed_at, read_snapshot_at


def read_past(engine: Engine, account: StoredAccount, instant: str) -> Snapshot:
    """What the newest snapshot at or before ``instant`` saw. Raises ``SettingsError`` where there is none."""
    return _read_at(engine, account, parse_instant(instant, account.timezone))


def read_last_seen(engine: Engine, account: StoredAccount, kind: EntityKind, thing_id: int) -> Snapshot:
    """What the last snapshot saw that showed a stage or segment. Raises ``SettingsError`` where none ever did."""
    with transaction(engine, account=account.key) as connection:
        at = read_last_observed_at(connection, account.id, kind, thing_id)
    if at is None:
        raise SettingsError(
            f"no snapshot ever saw a {kind} with the id {thing_id}.",
            account=account.key,
            advice=f"The view analytics.{kind}_history has all that there were.",
        )
    return _read_at(engine, account, at)


def _read_at(engine: Engine, account: StoredAccount, at: datetime) -> Snapshot:
    with transaction(engine, account=account.key) as connection:
        past = read_snapshot_at(connection, account.id, at)
    if past is None:
        raise SettingsError(
            f"there is no snapshot as old as {at.isoformat()}.",
            account=account.key,
            advice="History begins with the first load; the view analytics.snapshots has them all.",
        )
    return past


def parse_instant(text: str, timezone: ZoneInfo) -> datetime:
    """An instant as people write it, and as psql shows it; without an offset by the account's clocks."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            f"'{text}' is not a time.",
            advice="Write it like 2026-11-01T09:00, which is the account's time, or 2026-11-01T09:00+03:00.",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone)
