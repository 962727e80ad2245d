"""Publish a scan in one transaction: compare it with the scan before, and keep the numbers of its day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from pipelines.base.timezone import stored_timezone
from pipelines.customers.checkpoint import Checkpoint
from pipelines.customers.events import BEGINNING, EventCoverage
from pipelines.customers.place_days import count_places
from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.customers.readings import compare_readings, keep_for_next_scan
from pipelines.customers.stays import move_customers, recount_stays
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedScan:
    """Counts of a published scan, as ``amocrm.scan`` has them, and the error of its alerts."""

    account_id: int
    started_at: datetime
    customers_count: int
    by_id_count: int
    gone_count: int
    kept_count: int
    request_count: int
    duration_seconds: float
    stage_change_count: int
    explained_count: int
    difference_count: int
    alert_error: str | None = None  # the error if alerts were postponed to the next load


def publish_scan(checkpoint: Checkpoint, *, events: EventCoverage, has_segments: bool) -> PublishedScan:
    """Publish the pages of a scan; idempotent. Raises ``Superseded`` if another process took it over.

    Everything is computed by Postgres from ``members.page``, so this process needs no memory for it.
    """
    account_id, started_at = checkpoint.account_id, checkpoint.started_at
    with transaction(checkpoint.engine, account=checkpoint.account_key) as connection:
        checkpoint.require_ownership(connection)
        previous = connection.execute(statement("latest_scan"), {"account_id": account_id}).one_or_none()
        if previous is None or previous.started_at < started_at:
            _publish(connection, checkpoint, previous, events, has_segments=has_segments)
        values = {"account_id": account_id, "started_at": started_at}
        row = connection.execute(statement("published_scan"), values).mappings().one()
    return PublishedScan(account_id=account_id, started_at=started_at, **row)


def _publish(
    connection: Connection,
    checkpoint: Checkpoint,
    previous: Row[Any] | None,
    events: EventCoverage,
    *,
    has_segments: bool,
) -> None:
    """Compare a scan with the previous one, and write what changed."""
    account_id, started_at = checkpoint.account_id, checkpoint.started_at
    timezone = connection.scalar(statement("timezone_of_account"), {"account_id": account_id})
    scan_date = started_at.astimezone(stored_timezone(timezone)).date()
    values = {
        "account_id": account_id,
        "started_at": started_at,
        # A timezone that changed may lead back to an earlier day, whose sizes later ones follow from.
        "scan_date": scan_date if previous is None else max(scan_date, previous.scan_date),
        "timezone": timezone,
        "forgotten_from": FORGOTTEN_FROM,
        "forgotten_count": connection.scalar(statement("forgotten_count"), {"account_id": account_id}),
        "has_segments": has_segments,
        "events_from": events.since,
        "events_until": events.until,
        "are_events_complete": events.is_complete,
        "stored_from": previous.events_from if previous else BEGINNING,
        "stored_until": previous.events_until if previous else BEGINNING,
        "previous": previous and previous.started_at,
        "previous_date": previous and previous.scan_date,
        "is_restart": previous is not None and checkpoint.is_beginning,
        "is_beginning": checkpoint.is_beginning,
    }
    compare_readings(connection, values, previous and previous.started_at)
    move_customers(connection, values)
    for name in ("insert_scan", "insert_stage_moves"):
        connection.execute(statement(name), values)
    keep_for_next_scan(connection, values)
    count_places(connection, values)
    recount_stays(connection, values)
    if previous is not None:
        connection.execute(statement("delete_pages"), values | {"starts": [previous.started_at]})
