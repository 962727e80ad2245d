"""Records with defaults, whose content hash follows from their values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from pipelines.amocrm.models import Account, Field, FieldValue, Mode, Option, Rule, Segment, Snapshot, Stage
from pipelines.warehouse.publish import LoadOrigin

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ACCOUNT_ID = 28805383


def hours(count: float) -> datetime:
    """Instant this many hours after ``START``."""
    return START + timedelta(hours=count)


def hash_content(record: Any) -> bytes:
    """Hash a record without its hash and volatile columns."""
    volatile = {"content_hash": b"", "customers_count": None, "updated_at": None, "options": ()}
    present = {name: value for name, value in volatile.items() if hasattr(record, name)}
    return hashlib.sha256(repr(replace(record, **present)).encode()).digest()


def account(mode: Mode = "segments", **changes: Any) -> Account:
    default = Account(
        id=ACCOUNT_ID,
        name="Corner Coffee",
        subdomain="corner",
        timezone="Europe/Moscow",
        mode=mode,
        country="RU",
        currency="RUB",
    )
    return replace(default, **changes)


def segment(segment_id: int, count: int | None = 10, **changes: Any) -> Segment:
    default = Segment(
        id=segment_id,
        name=f"Segment {segment_id}",
        color="6610f2",
        created_at=START - timedelta(days=30),
        updated_at=START,
        customers_count=count,
        price_field_ids=(),
        field_values=(),
        extra=None,
        content_hash=b"",
    )
    record = replace(default, **changes)
    return replace(record, content_hash=hash_content(record))


def text_value(field_id: int, text: str) -> FieldValue:
    return FieldValue(field_id=field_id, field_type="text", position=0, text=text)


def stage(stage_id: int, rules: Iterable[Rule] = (), **changes: Any) -> Stage:
    rules = tuple(rules)
    default = Stage(
        id=stage_id,
        name=f"Stage {stage_id}",
        sort=stage_id,
        is_default=False,
        color="#fffeb2",
        type=0,
        rule_group_count=1 + max((rule.group for rule in rules), default=-1),
        rules=rules,
        extra=None,
        content_hash=b"",
    )
    record = replace(default, **changes)
    return replace(record, content_hash=hash_content(record))


def option(option_id: int, **changes: Any) -> Option:
    default = Option(id=option_id, value=f"Option {option_id}", sort=option_id, extra=None, content_hash=b"")
    record = replace(default, **changes)
    return replace(record, content_hash=hash_content(record))


def field(field_id: int, *options: Option, **changes: Any) -> Field:
    default = Field(
        id=field_id,
        name=f"Field {field_id}",
        code=None,
        type="select" if options else "text",
        sort=field_id,
        options=options,
        extra=None,
        content_hash=b"",
    )
    record = replace(default, **changes)
    return replace(record, content_hash=hash_content(record))


def snapshot(at: datetime, mode: Mode = "segments", **entities: Any) -> Snapshot:
    entities.setdefault("account", account(mode))
    return Snapshot(observed_at=at, **entities)


def origin(load_id: UUID | None = None, account_key: str = "main") -> LoadOrigin:
    return LoadOrigin(
        account_key=account_key,
        host="127.0.0.1",
        load_id=load_id or uuid4(),
        request_count=3,
        byte_count=1000,
        duration_seconds=0.5,
    )
