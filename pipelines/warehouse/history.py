"""The past as records: what a snapshot saw, rebuilt from the stored versions. Nothing is asked of the API."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from pipelines.amocrm import strict_json
from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Account, Field, FieldValue, Json, Option, Rule, Segment, Snapshot, Stage
from pipelines.warehouse.statements import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAccount:
    """An account that has a history, whether or not it still answers."""

    key: str  # in the settings, now or once
    id: int
    timezone: ZoneInfo


def known_accounts(connection: Connection) -> list[KnownAccount]:
    """All accounts that have a history, by their keys."""
    return [
        KnownAccount(key=row.account_key, id=row.account_id, timezone=ZoneInfo(row.timezone))
        for row in connection.execute(statement("known_accounts"))
    ]


def last_seen_at(connection: Connection, account_id: int, kind: Kind, thing_id: int) -> datetime | None:
    """When the newest snapshot that saw a stage or segment was taken; None where none ever did."""
    found: datetime | None = connection.scalar(
        statement("last_seen"), {"account_id": account_id, "thing": kind, "thing_id": thing_id}
    )
    return found


def read_snapshot_at(connection: Connection, account_id: int, instant: datetime) -> Snapshot | None:
    """What the account's newest snapshot at or before ``instant`` saw; None where there is none.

    It is equal to the snapshot that was published, but for what is not stored of it: a segment's ``content_hash``
    is empty, its ``updated_at`` is that of the first snapshot that showed the same state, the account is called as it
    is now, and what was odd or asked for is left out.
    """
    found = connection.execute(statement("past_snapshot"), {"account_id": account_id, "instant": instant}).one_or_none()
    if found is None:
        return None
    seen = {"account_id": account_id, "observed_at": found.observed_at}
    return Snapshot(
        account=Account(
            id=found.account_id,
            name=found.name or "",
            subdomain=found.subdomain,
            timezone=found.timezone,
            mode=found.customers_mode,
            country=found.country,
            currency=found.currency,
        ),
        observed_at=found.observed_at,
        stages=_stages(connection, seen),
        segments=_segments(connection, seen),
        fields=_fields(connection, seen),
    )


def _stages(connection: Connection, seen: dict[str, Any]) -> tuple[Stage, ...]:
    rules: defaultdict[int, list[Rule]] = defaultdict(list)
    for row in connection.execute(statement("past_stage_rules"), seen):
        rules[row.stage_id].append(
            Rule(
                group=row.group_position,
                position=row.rule_position,
                type=row.type,
                match=_json(row.match),
                body=_json(row.rule),
            )
        )
    return tuple(
        Stage(
            id=row.stage_id,
            name=row.name,
            sort=row.sort,
            is_default=row.is_default,
            color=row.color,
            type=row.type,
            rule_group_count=row.rule_group_count,
            rules=tuple(rules[row.stage_id]),
            extra=_json(row.extra),
            content_hash=row.content_hash,
        )
        for row in connection.execute(statement("past_stages"), seen)
    )


def _segments(connection: Connection, seen: dict[str, Any]) -> tuple[Segment, ...]:
    values: defaultdict[int, list[FieldValue]] = defaultdict(list)
    for row in connection.execute(statement("past_field_values"), seen):
        values[row.segment_id].append(_field_value(row))
    return tuple(
        Segment(
            id=row.segment_id,
            name=row.name,
            color=row.color,
            created_at=row.created_at,
            updated_at=row.updated_at,
            customers_count=row.customers_count,
            price_field_ids=tuple(row.price_field_ids),
            field_values=tuple(values[row.segment_id]),
            extra=_json(row.extra),
            content_hash=b"",
        )
        for row in connection.execute(statement("past_segments"), seen)
    )


def _field_value(row: Row[Any]) -> FieldValue:
    return FieldValue(
        field_id=row.field_id,
        field_type=row.field_type,
        position=row.position,
        text=row.text_value,
        number=row.number_value,
        boolean=row.boolean_value,
        date=row.date_value,
        instant=row.timestamp_value,
        option_id=row.option_id,
        json=_json(row.json_value),
    )


def _fields(connection: Connection, seen: dict[str, Any]) -> tuple[Field, ...]:
    options: defaultdict[int, list[Option]] = defaultdict(list)
    for row in connection.execute(statement("past_options"), seen):
        options[row.field_id].append(
            Option(
                id=row.option_id, value=row.value, sort=row.sort, extra=_json(row.extra), content_hash=row.content_hash
            )
        )
    return tuple(
        Field(
            id=row.field_id,
            name=row.name,
            code=row.code,
            type=row.type,
            sort=row.sort,
            options=tuple(options[row.field_id]),
            extra=_json(row.extra),
            content_hash=row.content_hash,
        )
        for row in connection.execute(statement("past_fields"), seen)
    )


def _json(text: str | None) -> Json:
    """A stored JSON value, its numbers exact."""
    return None if text is None else strict_json.parse(text.encode())
