"""State of an account at an instant of its history."""

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
    """Read the latest snapshot at or before ``instant``. Raises ``SettingsError`` if there is none."""
    return _read_at(engine, account, parse_instant(instant, account.timezone))


def read_last_seen(engine: Engine, account: StoredAccount, kind: EntityKind, thing_id: int) -> Snapshot:
    """Read the last snapshot that contains a stage or segment. Raises ``SettingsError`` if there is none."""
    with transaction(engine, account=account.key) as connection:
        at = read_last_observed_at(connection, account.id, kind, thing_id)
    if at is None:
        raise SettingsError(
            f"no snapshot contains a {kind} with the id {thing_id}.",
            account=account.key,
            advice=f"See all {kind}s of the history in the view analytics.{kind}_history.",
        )
    return _read_at(engine, account, at)


def _read_at(engine: Engine, account: StoredAccount, at: datetime) -> Snapshot:
    """Read the latest snapshot at or before ``at``. Raises ``SettingsError`` if there is none."""
    with transaction(engine, account=account.key) as connection:
        past = read_snapshot_at(connection, account.id, at)
    if past is None:
        raise SettingsError(
            f"there is no snapshot at or before {at.isoformat()}.",
            account=account.key,
            advice="The history begins with the first load; see the view analytics.snapshots.",
        )
    return past


def parse_instant(text: str, timezone: ZoneInfo) -> datetime:
    """Parse an instant in ISO 8601; without an offset, it is in the account's timezone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            f"'{text}' is not a time.",
            advice="Write 2026-11-01T09:00, in the account's timezone, or 2026-11-01T09:00+03:00.",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone)
