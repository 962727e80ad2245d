"""The newest snapshot's answers in short: remembered when a load is done, and its snapshot published once more.

Whether an account says the same again is asked in ``amocrm``. Why skipping is exact: docs/decisions/0016.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pipelines.amocrm.models import Anomaly
from pipelines.amocrm.response_digest import ResponseDigest
from pipelines.transform.code_fingerprint import PARSER_FINGERPRINT
from pipelines.transform.summary import SnapshotSummary
from pipelines.warehouse.publish import CODE_VERSION, LoadOrigin, PublishResult
from pipelines.warehouse.queries import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestSnapshot:
    """An account's newest snapshot: what it showed, and the answers that it was read from."""

    host: str
    timezone: str
    observed_at: datetime
    digests: tuple[ResponseDigest, ...]
    summary: SnapshotSummary


def read_latest(connection: Connection, account_key: str) -> LatestSnapshot | None:
    """The newest snapshot of a key's account; None where its answers must be read, whatever they are.

    That is where they are not known, other code read them, or the account's wide view has to be made anew.
    """
    row = connection.execute(statement("newest_answers"), {"account_key": account_key}).one_or_none()
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
            anomalies=tuple(sorted(_parse_anomaly(item) for item in row.oddities)),
        ),
    )


def republish(connection: Connection, latest: LatestSnapshot, origin: LoadOrigin, at: datetime) -> PublishResult | None:
    """Publish the newest snapshot once more, at ``at``; None, with nothing written, where it is not the newest now."""
    account_id = latest.summary.account_id
    connection.execute(statement("lock_account"), {"account_id": account_id})
    row = connection.execute(
        statement("repeat_snapshot"),
        {
            "account_id": account_id,
            "account_key": origin.account_key,
            "host": origin.host,
            "compared_at": latest.observed_at,
            "reading_code": PARSER_FINGERPRINT,
            "observed_at": at,
            "observed_date": at.astimezone(ZoneInfo(latest.timezone)).date(),
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
    """Remember what a published snapshot was read from, so that the next load need not read the same again."""
    connection.execute(
        statement("remember_answers"),
        {
            "account_id": account_id,
            "observed_at": observed_at,
            "reading_code": PARSER_FINGERPRINT,
            "answers": json.dumps([item.as_json() for item in digests]),
        },
    )


def _parse_anomaly(row: Sequence[Any]) -> Anomaly:
    kind, thing, thing_id, detail = row
    return Anomaly(kind=kind, thing=thing, thing_id=thing_id, detail=detail)
