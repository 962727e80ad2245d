"""Publishing one snapshot: one transaction that leaves all of it or nothing. What to write is decided in ``tables``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import simplejson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine

from pipelines.amocrm.records import Account, Oddity, Snapshot
from pipelines.errors import Superseded, WrongAccount
from pipelines.tables.decide import Decision, EndReason, decide
from pipelines.tables.relations import changed_relations
from pipelines.warehouse.copying import copy_frames
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.state import account_of_key, read_state
from pipelines.warehouse.statements import statement

CODE_VERSION = version("amocrm-warehouse")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a snapshot comes from and what it cost: what the ledger says of a load beside the snapshot itself."""

    account_key: str  # the account's key in the settings
    host: str
    load_id: UUID
    request_count: int
    byte_count: int
    duration_seconds: float
    run_id: str | None = None  # Dagster's


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What publishing did. All counts are 0 when ``is_new`` is false: the snapshot had been published before."""

    account_id: int
    observed_at: datetime
    is_new: bool
    opened_count: int = 0
    closed_count: int = 0
    size_change_count: int = 0
    row_counts: Mapping[str, int] | None = None  # rows written by table; None when nothing was


def publish(
    engine: Engine, snapshot: Snapshot, origin: Origin, *, has_key: Callable[[str], bool] = lambda _: False
) -> Published:
    """Write what the snapshot changes, and its ledger row, in one transaction.

    Doing it again changes nothing. ``has_key`` says whether the settings have a key: none of those loses its account to
    another one. Raises ``Superseded`` when a newer snapshot is there, ``WrongAccount`` when the key is bound to another
    account or the account to such a key, ``UnprovenEnding`` when the snapshot lacks a thing that nobody asked for.
    """
    account_id, at = snapshot.account.id, snapshot.observed_at
    with transaction(engine, account=origin.account_key) as connection:
        connection.execute(statement("use_indexes"))
        described = lock_account(connection, snapshot.account, origin, has_key)
        published = connection.scalar(statement("load_of_snapshot"), {"account_id": account_id, "observed_at": at})
        if published == origin.load_id:
            return Published(account_id=account_id, observed_at=at, is_new=False)
        stored = read_state(connection, account_id)
        if stored.observed_at is not None and stored.observed_at >= at:
            raise Superseded(
                f"the snapshot of {at.isoformat()} is not newer than the one of {stored.observed_at.isoformat()}, "
                "which is published already.",
                account=origin.account_key,
            )
        if described:
            connection.execute(statement("update_account"), described)
        observed_date = at.astimezone(ZoneInfo(snapshot.account.timezone)).date()
        decision = decide(stored, snapshot, observed_date=observed_date)
        close_ended(connection, account_id, at, decision)
        row_counts = open_new(connection, account_id, at, decision)
        row_counts |= follow_sizes(connection, account_id, observed_date=observed_date, decision=decision)
        connection.execute(
            statement("insert_snapshot"),
            ledger_row(snapshot, origin, decision) | {"observed_date": observed_date},
        )
    return Published(
        account_id=account_id,
        observed_at=at,
        is_new=True,
        opened_count=decision.opened_count,
        closed_count=decision.closed_count,
        size_change_count=len(decision.sizes),
        row_counts={table: count for table, count in row_counts.items() if count} | {"snapshot": 1},
    )


def lock_account(
    connection: Connection, account: Account, origin: Origin, has_key: Callable[[str], bool]
) -> dict[str, Any] | None:
    """Hold the account's row until the transaction ends, and make it where there is none.

    Returns what the row has to say where it says something else: a snapshot that is not published again may change it.
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
    connection.execute(statement("insert_account"), row)
    bound = account_of_key(connection, origin.account_key)
    if bound not in (None, account.id):
        raise WrongAccount(
            f"the key is bound to account {bound} in the warehouse, and the API answered for account {account.id}.",
            account=origin.account_key,
        )
    stored = connection.execute(statement("lock_account"), {"account_id": account.id}).mappings().one()
    if stored["account_key"] != origin.account_key and has_key(stored["account_key"]):
        raise taken(account, stored["account_key"], key=origin.account_key)
    return row if dict(stored) != {column: row[column] for column in stored} else None


def taken(account: Account, by: str, *, key: str) -> WrongAccount:
    """The error where an account answers under a key, and its history is under another one of the settings."""
    return WrongAccount(
        f"amoCRM answered for account {account.id} ({account.name}), whose history is under the key '{by}'.",
        account=key,
        advice=f"Give '{key}' the host and the token of its own account, or take one of the two out of the settings.",
    )


def close_ended(connection: Connection, account_id: int, at: datetime, decision: Decision) -> None:
    """Close the versions and oddities that ended with this snapshot, before their successors open."""
    ended = {"account_id": account_id, "valid_to": at}
    for name, ids_name, closed in (
        ("close_stages", "stage_ids", decision.stages.closed),
        ("close_fields", "field_ids", decision.fields.closed),
        ("close_segments", "segment_ids", decision.segments.closed),
    ):
        if closed:
            connection.execute(statement(name), ended | {ids_name: list(closed), "reasons": list(closed.values())})
    options = decision.options.closed
    if options:
        connection.execute(
            statement("close_options"),
            ended
            | {
                "field_ids": [field_id for field_id, _ in options],
                "option_ids": [option_id for _, option_id in options],
                "reasons": list(options.values()),
            },
        )
    if decision.settled:
        connection.execute(statement("close_quality_events"), ended | oddity_arrays(decision.settled))


def open_new(connection: Connection, account_id: int, at: datetime, decision: Decision) -> dict[str, int]:
    """Shape what is new into relations and copy them in; rows written by table."""
    frames = changed_relations(account_id, at, decision)
    copy_frames(connection, frames)
    return {relation.name: len(frame) for relation, frame in frames.items()}


def as_json(value: Any) -> Jsonb | None:
    """A JSON value for Postgres: decimals keep all their digits."""
    return None if value is None else Jsonb(value, dumps=simplejson.dumps)


def follow_sizes(
    connection: Connection, account_id: int, *, observed_date: object, decision: Decision
) -> dict[str, int]:
    """Bring the newest state of the segments and the day's rows up to date; rows written by table."""
    of = {"account_id": account_id}
    gone = without_successor(decision.segments.closed, decision.segments.opened)
    if gone:
        connection.execute(statement("delete_current_segments"), of | {"segment_ids": gone})
    current = decision.current
    if current:
        connection.execute(
            statement("upsert_current_segments"),
            of
            | {
                "segment_ids": list(current),
                "valid_from": [segment.valid_from for segment in current.values()],
                "customers_counts": [segment.customers_count for segment in current.values()],
                "content_hashes": [segment.content_hash for segment in current.values()],
            },
        )
    if decision.days:
        connection.execute(
            statement("upsert_segment_days"),
            of
            | {
                "observed_date": observed_date,
                "segment_ids": list(decision.days),
                "customers_counts": list(decision.days.values()),
            },
        )
    return {"segment_current": len(current) + len(gone), "segment_size_daily": len(decision.days)}


def without_successor(closed: Mapping[int, EndReason], opened: Collection[int]) -> list[int]:
    """Things that are not there any more, as opposed to those that only changed."""
    return [thing_id for thing_id in closed if thing_id not in opened]


def oddity_arrays(oddities: Collection[Oddity]) -> dict[str, list[Any]]:
    """Oddities as one array a column."""
    rows = [asdict(oddity) for oddity in sorted(oddities)]
    return {f"{column}s": [row[column] for row in rows] for column in ("kind", "thing", "thing_id", "detail")}


def ledger_row(snapshot: Snapshot, origin: Origin, decision: Decision) -> dict[str, Any]:
    """The snapshot's row in the ledger, its day aside."""
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
        "opened_count": decision.opened_count,
        "closed_count": decision.closed_count,
        "size_change_count": len(decision.sizes),
        "request_count": origin.request_count,
        "byte_count": origin.byte_count,
        "duration_seconds": origin.duration_seconds,
        "code_version": CODE_VERSION,
        "run_id": origin.run_id,
    }
