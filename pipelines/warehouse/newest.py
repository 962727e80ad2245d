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

from pipelines.amocrm.records import Oddity
from pipelines.amocrm.said import Said
from pipelines.reading_code import READING_CODE
from pipelines.seen import Seen
from pipelines.warehouse.publish import CODE_VERSION, Origin, Published
from pipelines.warehouse.statements import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Newest:
    """An account's newest snapshot: what it showed, and the answers that it was read from."""

    host: str
    timezone: str
    observed_at: datetime
    said: tuple[Said, ...]
    seen: Seen


def read_newest(connection: Connection, account_key: str) -> Newest | None:
    """The newest snapshot of a key's account; None where its answers must be read, whatever they are.

    That is where they are not known, other code read them, or the account's wide view has to be made anew.
    """
    row = connection.execute(statement("newest_answers"), {"account_key": account_key}).one_or_none()
    if row is None or row.reading_code != READING_CODE or (row.field_count and not row.has_wide_view):
        return None
    return Newest(
        host=row.host,
        timezone=row.timezone,
        observed_at=row.observed_at,
        said=tuple(Said.from_json(one) for one in row.answers),
        seen=Seen(
            account_id=row.account_id,
            account_name=row.name or "",
            mode=row.customers_mode,
            stage_count=row.stage_count,
            segment_count=row.segment_count,
            field_count=row.field_count,
            oddities=tuple(sorted(_oddity(one) for one in row.oddities)),
        ),
    )


def publish_again(connection: Connection, newest: Newest, origin: Origin, at: datetime) -> Published | None:
    """Publish the newest snapshot once more, at ``at``; None, with nothing written, where it is not the newest now."""
    account_id = newest.seen.account_id
    connection.execute(statement("lock_account"), {"account_id": account_id})
    written = connection.execute(
        statement("repeat_snapshot"),
        {
            "account_id": account_id,
            "account_key": origin.account_key,
            "host": origin.host,
            "compared_at": newest.observed_at,
            "reading_code": READING_CODE,
            "observed_at": at,
            "observed_date": at.astimezone(ZoneInfo(newest.timezone)).date(),
            "load_id": origin.load_id,
            "request_count": origin.request_count,
            "byte_count": origin.byte_count,
            "duration_seconds": origin.duration_seconds,
            "code_version": CODE_VERSION,
            "run_id": origin.run_id,
        },
    ).one_or_none()
    if written is None:
        return None
    rows: Mapping[str, int] = {"segment_size_daily": written.day_count} if written.day_count else {}
    return Published(account_id=account_id, observed_at=at, is_new=True, row_counts={**rows, "snapshot": 1})


def remember_answers(connection: Connection, account_id: int, observed_at: datetime, said: Sequence[Said]) -> None:
    """Remember what a published snapshot was read from, so that the next load need not read the same again."""
    connection.execute(
        statement("remember_answers"),
        {
            "account_id": account_id,
            "observed_at": observed_at,
            "reading_code": READING_CODE,
            "answers": json.dumps([one.as_json() for one in said]),
        },
    )


def _oddity(row: Sequence[Any]) -> Oddity:
    kind, thing, thing_id, detail = row
    return Oddity(kind=kind, thing=thing, thing_id=thing_id, detail=detail)
