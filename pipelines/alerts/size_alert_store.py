"""Store of size alerts: sizes to compare, ongoing alerts, pending alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from pipelines.alerts.size_alert import SizeAlert
from pipelines.alerts.size_rules import OngoingAlert, SizeComparison
from pipelines.warehouse.publish import to_jsonb
from pipelines.warehouse.queries import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertAccount:
    """Properties of an account that its size alerts need."""

    account_id: int
    timezone: str
    country: str | None
    customers_mode: str


def read_account(connection: Connection, account_key: str) -> AlertAccount | None:
    """Read the account; None before its first snapshot."""
    row = connection.execute(statement("alert_account"), {"account_key": account_key}).one_or_none()
    return AlertAccount(**row._asdict()) if row else None


def read_comparisons(connection: Connection, account_id: int, days: Sequence[int]) -> list[SizeComparison]:
    """Read the size of every segment of the latest snapshot, and its size each of so many days before."""
    rows = connection.execute(statement("compared_sizes"), {"account_id": account_id, "days": list(days)})
    return [SizeComparison(**row._asdict()) for row in rows]


def read_ongoing(connection: Connection, account_id: int) -> list[OngoingAlert]:
    """Read the alerts that have not ended."""
    rows = connection.execute(statement("ongoing_size_alerts"), {"account_id": account_id})
    return [OngoingAlert(**row._asdict()) for row in rows]


def write_started(connection: Connection, account_id: int, alerts: Sequence[SizeAlert]) -> None:
    """Insert alerts that start, to be sent after the commit."""
    if alerts:
        rows: list[dict[str, Any]] = [
            asdict(alert) | {"account_id": account_id, "around": to_jsonb(list(alert.around))} for alert in alerts
        ]
        connection.execute(statement("insert_size_alert"), rows)


def write_ended(connection: Connection, account_id: int, alert_ids: Sequence[UUID]) -> None:
    """Mark alerts as ended with the latest snapshot."""
    if alert_ids:
        connection.execute(statement("end_size_alerts"), {"account_id": account_id, "alert_ids": list(alert_ids)})


def claim_pending(connection: Connection, account_id: int) -> list[SizeAlert]:
    """Read the pending alerts, and lock them until the transaction ends.

    Skips those that another load has locked.
    """
    rows = connection.execute(statement("pending_size_alerts"), {"account_id": account_id})
    return [SizeAlert(**row._asdict()) for row in rows]


def count_pending(connection: Connection, account_id: int) -> int:
    """Count the pending alerts."""
    return int(connection.scalar(statement("pending_size_alert_count"), {"account_id": account_id}) or 0)


def mark_sent(connection: Connection, account_id: int, alerts: Sequence[SizeAlert], at: datetime) -> None:
    """Mark alerts as accepted by the webhook."""
    alert_ids = [alert.alert_id for alert in alerts]
    connection.execute(
        statement("mark_size_alerts_sent"), {"account_id": account_id, "alert_ids": alert_ids, "told_at": at}
    )
