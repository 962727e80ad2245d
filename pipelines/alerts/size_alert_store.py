"""Store of size alerts: sizes to compare, ongoing alerts, pending alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from pipelines.alerts.place_flows import ScannedFlows
from pipelines.alerts.size_alert import SizeAlert
from pipelines.alerts.size_rules import NewAlert, OngoingAlert, SizeComparison
from pipelines.report.place_flows import PlaceCount
from pipelines.warehouse.publish import to_jsonb
from pipelines.warehouse.queries import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertAccount:
    """Properties of an account that its size alerts need."""

    account_id: int
    timezone: str
    country: str | None
    customers_mode: str
    is_scanned: bool  # at least one scan of its customers was published


def read_account(connection: Connection, account_key: str) -> AlertAccount | None:
    """Read the account; None before its first snapshot."""
    row = connection.execute(statement("alert_account"), {"account_key": account_key}).one_or_none()
    return AlertAccount(**row._asdict()) if row else None


def read_comparisons(
    connection: Connection, account_id: int, days: Sequence[int], *, is_stage: bool
) -> list[SizeComparison]:
    """Read the size of every segment of the latest snapshot, or of every stage in the latest scan.

    Each comes with its size each of so many days before.
    """
    name = "compared_stage_sizes" if is_stage else "compared_sizes"
    rows = connection.execute(statement(name), {"account_id": account_id, "days": list(days)})
    return [SizeComparison(is_stage=is_stage, **row._asdict()) for row in rows]


def read_ongoing(connection: Connection, account_id: int, *, is_stage: bool) -> list[OngoingAlert]:
    """Read the alerts of segments or stages that have not ended."""
    rows = connection.execute(statement("ongoing_size_alerts"), {"account_id": account_id, "is_stage": is_stage})
    return [OngoingAlert(**row._asdict()) for row in rows]


def read_flows(connection: Connection, account_id: int, alerts: Sequence[NewAlert]) -> list[ScannedFlows | None]:
    """Read the flows behind each of some alerts, all of segments or all of stages; None if no scans are around one."""
    values = {
        "account_id": account_id,
        "is_stage": alerts[0].is_stage,
        "place_ids": [alert.place_id for alert in alerts],
        "after_at": [alert.previous_observed_at for alert in alerts],
        "after_counts": [alert.previous_count for alert in alerts],
        "until_at": [alert.observed_at for alert in alerts],
        "until_counts": [alert.customers_count for alert in alerts],
    }
    rows = connection.execute(statement("alert_flows"), values).all()
    by_position = {position: list(group) for position, group in groupby(rows, key=attrgetter("position"))}
    return [
        ScannedFlows(
            place="stage" if alert.is_stage else "segment",
            first_date=found[0].first_date,
            last_date=found[0].last_date,
            came=_most_first(PlaceCount(row.other_id, row.other_name, row.joined_count) for row in found),
            went=_most_first(PlaceCount(row.other_id, row.other_name, row.left_count) for row in found),
            change_count=alert.customers_count - alert.previous_count,
        )
        if (found := by_position.get(position))
        else None
        for position, alert in enumerate(alerts, start=1)
    ]


def _most_first(counts: Iterable[PlaceCount]) -> list[PlaceCount]:
    """Order the counts above 0, most customers first."""
    moved = [count for count in counts if count.customers_count]
    return sorted(moved, key=lambda count: (-count.customers_count, count.other_id or 0))


def write_started(connection: Connection, account_id: int, alerts: Sequence[SizeAlert]) -> None:
    """Insert alerts that start, to be sent after the commit."""
    if alerts:
        rows: list[dict[str, Any]] = [
            asdict(alert)
            | {
                "account_id": account_id,
                "around": to_jsonb(list(alert.around)),
                "flows": alert.flows and to_jsonb(alert.flows),
            }
            for alert in alerts
        ]
        connection.execute(statement("insert_size_alert"), rows)


def write_ended(connection: Connection, account_id: int, alert_ids: Sequence[UUID]) -> None:
    """Mark alerts as ended with the latest snapshot, or the latest scan."""
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
