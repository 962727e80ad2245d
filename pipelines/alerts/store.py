"""Reading and writing what ``size_alerts`` decides: sizes to compare, events that last, events that wait to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from pipelines.alerts.evaluate import OngoingAlert, SizeComparison
from pipelines.alerts.size_alert import SizeAlert
from pipelines.report.figures import Gap
from pipelines.warehouse.publish import to_jsonb
from pipelines.warehouse.queries import statement
from pipelines.warehouse.work_locks import lock_work


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertAccount:
    """What has to be known of an account to tell of its sizes."""

    account_id: int
    timezone: str
    country: str | None
    customers_mode: str


def read_account(connection: Connection, account_key: str) -> AlertAccount | None:
    """The account; None before its first snapshot."""
    row = connection.execute(statement("alerting_account"), {"account_key": account_key}).one_or_none()
    return AlertAccount(**row._asdict()) if row else None


def lock_alerts(connection: Connection, account_id: int) -> None:
    """Wait for whoever decides on this account's events, and keep others waiting until the transaction ends."""
    lock_work(connection, "size_alert", account_id)


def read_comparisons(connection: Connection, account_id: int, days: Sequence[int]) -> list[SizeComparison]:
    """Every segment of the newest snapshot beside each of so many days before."""
    rows = connection.execute(statement("compared_sizes"), {"account_id": account_id, "days": list(days)})
    return [SizeComparison(**row._asdict()) for row in rows]


def read_ongoing(connection: Connection, account_id: int) -> list[OngoingAlert]:
    """The events that have not ended."""
    rows = connection.execute(statement("lasting_size_alerts"), {"account_id": account_id})
    return [OngoingAlert(**row._asdict()) for row in rows]


def read_gaps(connection: Connection, account_id: int, after: datetime) -> list[Gap]:
    """Spans without loads that reach over ``after``, the newest first."""
    rows = connection.execute(statement("report_gaps"), {"account_id": account_id, "after": after})
    return [Gap(**row._asdict()) for row in rows]


def write_started(connection: Connection, account_id: int, alerts: Sequence[SizeAlert]) -> None:
    """Keep events that begin, to be told of after the commit."""
    if alerts:
        rows: list[dict[str, Any]] = [
            asdict(alert) | {"account_id": account_id, "around": to_jsonb(list(alert.around))} for alert in alerts
        ]
        connection.execute(statement("insert_size_alert"), rows)


def write_ended(connection: Connection, account_id: int, alert_ids: Sequence[UUID]) -> None:
    """Note which events are over as of the newest snapshot."""
    if alert_ids:
        connection.execute(statement("end_size_alerts"), {"account_id": account_id, "alert_ids": list(alert_ids)})


def claim_pending(connection: Connection, account_id: int) -> list[SizeAlert]:
    """The events that nobody has been told of, kept from other loads until the transaction ends."""
    rows = connection.execute(statement("waiting_size_alerts"), {"account_id": account_id})
    return [SizeAlert(**row._asdict()) for row in rows]


def count_pending(connection: Connection, account_id: int) -> int:
    """How many events nobody has been told of."""
    return int(connection.scalar(statement("waiting_size_alert_count"), {"account_id": account_id}) or 0)


def mark_sent(connection: Connection, account_id: int, alerts: Sequence[SizeAlert], at: datetime) -> None:
    """Note that the webhook has taken them."""
    alert_ids = [alert.alert_id for alert in alerts]
    connection.execute(statement("tell_size_alerts"), {"account_id": account_id, "alert_ids": alert_ids, "told_at": at})
