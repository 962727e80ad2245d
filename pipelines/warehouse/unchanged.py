"""Unchanged loads: store digests of the latest responses, and republish the latest snapshot if they recur.

``amocrm.extract`` compares the responses. docs/decisions/0016 explains why skipping the parser is
exact.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pipelines.amocrm.response_digest import ResponseDigest
from pipelines.base.timezone import stored_timezone
from pipelines.transform.code_fingerprint import PARSER_FINGERPRINT
from pipelines.transform.summary import SnapshotSummary
from pipelines.warehouse.publish import CODE_VERSION, LoadOrigin, PublishResult
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import to_anomaly


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestSnapshot:
    """Summary of an account's latest snapshot, with digests of the responses that it was parsed from."""

    host: str
    timezone: str
    observed_at: datetime
    digests: tuple[ResponseDigest, ...]
    summary: SnapshotSummary


def read_latest(connection: Connection, account_key: str) -> LatestSnapshot | None:
    """Read the latest snapshot of a key's account; None if the next responses must be parsed in any case.

    That is so if no digests are stored, if other code parsed them, or if the account's wide view is
    missing.
    """
    row = connection.execute(statement("latest_digests"), {"account_key": account_key}).one_or_none()
    if row is None or row.reading_code != PARSER_FINGERPRINT or (row.field_count and not row.has_wide_view):
        return None
    return LatestSnapshot(
        host=row.host,
        timezone=row.timezone,
        observed_at=row.observed_at,
        digests=tuple(ResponseDigest.from_json(item) for item in row.answers),
        summary=SnapshotSummary(
            account_id=row.account_id,
            account_name=row.name or "",
            mode=row.customers_mode,
            stage_count=row.stage_count,
            segment_count=row.segment_count,
            field_count=row.field_count,
            anomalies=tuple(sorted(map(to_anomaly, row.anomalies))),
        ),
    )


def republish(connection: Connection, latest: LatestSnapshot, origin: LoadOrigin, at: datetime) -> PublishResult | None:
    """Republish the latest snapshot as of ``at``; None, with nothing written, if it is no longer the latest."""
    account_id = latest.summary.account_id
    connection.execute(statement("lock_account"), {"account_id": account_id})
    row = connection.execute(
        statement("republish_snapshot"),
        {
            "account_id": account_id,
            "account_key": origin.account_key,
            "host": origin.host,
            "compared_at": latest.observed_at,
            "reading_code": PARSER_FINGERPRINT,
            "observed_at": at,
            "observed_date": at.astimezone(stored_timezone(latest.timezone)).date(),
            "load_id": origin.load_id,
            "request_count": origin.request_count,
            "byte_count": origin.byte_count,
            "duration_seconds": origin.duration_seconds,
            "code_version": CODE_VERSION,
            "run_id": origin.run_id,
        },
    ).one_or_none()
    if row is None:
        return None
    rows: Mapping[str, int] = {"segment_size_daily": row.day_count} if row.day_count else {}
    return PublishResult(account_id=account_id, observed_at=at, is_new=True, row_counts={**rows, "snapshot": 1})


def store_digests(
    connection: Connection, account_id: int, observed_at: datetime, digests: Sequence[ResponseDigest]
) -> None:
    """Store the digests of a published snapshot's responses, so that the next load can skip equal ones."""
    connection.execute(
        statement("upsert_digests"),
        {
            "account_id": account_id,
            "observed_at": observed_at,
            "reading_code": PARSER_FINGERPRINT,
            "answers": json.dumps([item.as_json() for item in digests]),
        },
    )
