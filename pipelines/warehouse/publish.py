"""Publish one snapshot in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import simplejson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine

from pipelines.amocrm.models import Account, Anomaly, Snapshot
from pipelines.base.errors import Superseded, WrongAccount
from pipelines.transform.diff import EndReason, SnapshotDiff, diff_snapshot
from pipelines.transform.frames import SEGMENT_FIELD_VALUE, changed_rows, quick_value_text
from pipelines.warehouse.bulk_copy import copy_rows, format_rows
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import account_id_for_key, read_stored_state
from pipelines.warehouse.timezones import database_timezone
from pipelines.warehouse.together import Call, execute_together

CODE_VERSION = version("amocrm-warehouse")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadOrigin:
    """Source and cost of a load, which the ledger stores beside its snapshot."""

    account_key: str  # the account's key in the settings
    host: str
    load_id: UUID
    request_count: int
    byte_count: int
    duration_seconds: float
    run_id: str | None = None  # Dagster's


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishResult:
    """Changes made by publishing.

    If ``is_new`` is false, an earlier attempt had published the snapshot already: its response was
    lost, or the step was repeated. The counts are those of that attempt.
    """

    account_id: int
    observed_at: datetime
    is_new: bool
    opened_count: int = 0
    closed_count: int = 0
    size_change_count: int = 0
    row_counts: Mapping[str, int] | None = None  # rows written by table; None if an earlier attempt wrote them


def publish(
    engine: Engine, snapshot: Snapshot, origin: LoadOrigin, *, has_key: Callable[[str], bool] = lambda _: False
) -> PublishResult:
    """Write the snapshot's changes and its ledger row in one transaction. Idempotent.

    ``has_key`` tells if the settings contain a key: an account moves to a new key only if its old
    one is gone from the settings. Raises ``Superseded`` if a later snapshot is published,
    ``WrongAccount`` if the key is bound to another account or the account to another key of the
    settings, and ``UnprovenEnding`` if the snapshot lacks an entity whose absence the load did not
    confirm.
    """
    account_id, at = snapshot.account.id, snapshot.observed_at
    with transaction(engine, account=origin.account_key) as connection:
        connection.execute(statement("use_indexes"))
        account_update = lock_account(connection, snapshot.account, origin, has_key)
        existing = connection.execute(
            statement("load_of_snapshot"), {"account_id": account_id, "observed_at": at}
        ).one_or_none()
        if existing is not None and existing.load_id == origin.load_id:
            return PublishResult(
                account_id=account_id,
                observed_at=at,
                is_new=False,
                opened_count=existing.opened_count,
                closed_count=existing.closed_count,
                size_change_count=existing.size_change_count,
            )
        stored = read_stored_state(connection, account_id)
        if stored.observed_at is not None and stored.observed_at >= at:
            raise Superseded(
                f"the snapshot of {at.isoformat()} is not newer than the one of {stored.observed_at.isoformat()}, "
                "which is published already.",
                account=origin.account_key,
            )
        if account_update:
            connection.execute(statement("update_account"), account_update)
        observed_date = at.astimezone(ZoneInfo(snapshot.account.timezone)).date()
        diff = diff_snapshot(stored, snapshot, observed_date=observed_date)
        execute_together(connection, *closing_calls(account_id, at, diff))
        row_counts = open_versions(connection, account_id, at, diff)
        ledger_row = build_ledger_row(snapshot, origin, diff) | {"observed_date": observed_date}
        execute_together(connection, *size_calls(account_id, observed_date, diff), ("insert_snapshot", ledger_row))
        gone_count = len(ids_without_successor(diff.segments.closed, diff.segments.opened))
        row_counts |= {"segment_current": len(diff.current) + gone_count, "segment_size_daily": len(diff.days)}
    return PublishResult(
        account_id=account_id,
        observed_at=at,
        is_new=True,
        opened_count=diff.opened_count,
        closed_count=diff.closed_count,
        size_change_count=len(diff.sizes),
        row_counts={table: count for table, count in row_counts.items() if count} | {"snapshot": 1},
    )


def lock_account(
    connection: Connection, account: Account, origin: LoadOrigin, has_key: Callable[[str], bool]
) -> dict[str, Any] | None:
    """Lock the account's row until the transaction ends; insert it if it is missing.

    Returns the row's new values if they differ. The caller writes them only if the snapshot is new.
    """
    row = {
        "account_id": account.id,
        "account_key": origin.account_key,
        "host": origin.host,
        "name": account.name,
        "subdomain": account.subdomain,
        "timezone": account.timezone,
        "customers_mode": account.mode,
        "country": account.country,
        "currency": account.currency,
    }
    is_inserted = connection.execute(statement("insert_account"), row).rowcount == 1
    bound_account_id = account_id_for_key(connection, origin.account_key)
    if bound_account_id not in (None, account.id):
        raise WrongAccount(
            f"the key is bound to account {bound_account_id} in the warehouse, but the API answered for account"
            f" {account.id}.",
            account=origin.account_key,
        )
    stored = connection.execute(statement("lock_account"), {"account_id": account.id}).mappings().one()
    if stored["account_key"] != origin.account_key and has_key(stored["account_key"]):
        raise account_taken_error(account, stored["account_key"], key=origin.account_key)
    row["database_timezone"] = (
        database_timezone(connection, account.timezone)
        if is_inserted or stored["timezone"] != account.timezone
        else stored["database_timezone"]
    )
    return row if dict(stored) != {column: row[column] for column in stored} else None


def account_taken_error(account: Account, other_key: str, *, key: str) -> WrongAccount:
    """Build the error for an account whose history is under another key of the settings."""
    return WrongAccount(
        f"amoCRM answered for account {account.id} ({account.name}), whose history is under the key '{other_key}'.",
        account=key,
        advice=f"Set the host and token of its own account for '{key}', or remove one of the two from the settings.",
    )


def closing_calls(account_id: int, at: datetime, diff: SnapshotDiff) -> Iterator[Call]:
    """Yield the calls that close what ended with this snapshot; they run before the successors open."""
    parameters = {"account_id": account_id, "valid_to": at}
    for name, ids_name, closed in (
        ("close_stages", "stage_ids", diff.stages.closed),
        ("close_fields", "field_ids", diff.fields.closed),
        ("close_segments", "segment_ids", diff.segments.closed),
    ):
        if closed:
            yield name, parameters | {ids_name: list(closed), "reasons": list(closed.values())}
    if options := diff.options.closed:
        ids = {"field_ids": [key[0] for key in options], "option_ids": [key[1] for key in options]}
        yield "close_options", parameters | ids | {"reasons": list(options.values())}
    if diff.resolved_anomalies:
        yield "close_quality_events", parameters | anomaly_arrays(diff.resolved_anomalies)


def open_versions(connection: Connection, account_id: int, at: datetime, diff: SnapshotDiff) -> dict[str, int]:
    """Insert the new versions, and return the number of rows by table."""
    texts = {relation: format_rows(relation, rows) for relation, rows in changed_rows(account_id, at, diff).items()}
    if quick_text := quick_value_text(account_id, at, diff.segments.opened.values()):
        texts[SEGMENT_FIELD_VALUE] = texts.get(SEGMENT_FIELD_VALUE, "") + quick_text
    return copy_rows(connection, texts)


def to_jsonb(value: Any) -> Jsonb | None:
    """Wrap a JSON value for Postgres; decimals keep all their digits."""
    return None if value is None else Jsonb(value, dumps=simplejson.dumps)


def size_calls(account_id: int, observed_date: date, diff: SnapshotDiff) -> Iterator[Call]:
    """Yield the calls that update the segments' current state and the day's sizes."""
    key_columns = {"account_id": account_id}
    if gone_ids := ids_without_successor(diff.segments.closed, diff.segments.opened):
        yield "delete_current_segments", key_columns | {"segment_ids": gone_ids}
    if current := diff.current:
        yield (
            "upsert_current_segments",
            key_columns
            | {
                "segment_ids": list(current),
                "valid_from": [segment.valid_from for segment in current.values()],
                "customers_counts": [segment.customers_count for segment in current.values()],
                "content_hashes": [segment.content_hash for segment in current.values()],
            },
        )
    if days := diff.days:
        sizes = {"segment_ids": list(days), "customers_counts": list(days.values())}
        yield "upsert_segment_days", key_columns | {"observed_date": observed_date} | sizes


def ids_without_successor(closed: Mapping[int, EndReason], opened: Collection[int]) -> list[int]:
    """List the entities that were deleted, as opposed to changed."""
    return [thing_id for thing_id in closed if thing_id not in opened]


def anomaly_arrays(anomalies: Collection[Anomaly]) -> dict[str, list[Any]]:
    """Convert anomalies to one array per column."""
    rows = [asdict(anomaly) for anomaly in sorted(anomalies)]
    return {f"{column}s": [row[column] for row in rows] for column in ("kind", "thing", "thing_id", "detail")}


def build_ledger_row(snapshot: Snapshot, origin: LoadOrigin, diff: SnapshotDiff) -> dict[str, Any]:
    """Build the snapshot's row in the ledger, without ``observed_date``."""
    mode = snapshot.account.mode
    return {
        "account_id": snapshot.account.id,
        "observed_at": snapshot.observed_at,
        "load_id": origin.load_id,
        "customers_mode": mode,
        "timezone": snapshot.account.timezone,
        "stage_count": len(snapshot.stages) if mode == "periodicity" else None,
        "segment_count": snapshot.segment_count if mode == "segments" else None,
        "field_count": len(snapshot.fields) if mode == "segments" else None,
        "option_count": sum(len(field.options) for field in snapshot.fields) if mode == "segments" else None,
        "opened_count": diff.opened_count,
        "closed_count": diff.closed_count,
        "size_change_count": len(diff.sizes),
        "request_count": origin.request_count,
        "byte_count": origin.byte_count,
        "duration_seconds": origin.duration_seconds,
        "code_version": CODE_VERSION,
        "run_id": origin.run_id,
    }
