"""Read past snapshots, rebuilt from the stored versions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from pipelines.amocrm import strict_json
from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Account, Field, FieldValue, Json, Option, Rule, Segment, Snapshot, Stage
from pipelines.base.timezone import stored_timezone
from pipelines.warehouse.queries import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAccount:
    """An account that has a history. It may no longer exist in amoCRM or in the settings."""

    key: str  # in the settings, current or former
    id: int
    timezone: ZoneInfo


def read_stored_accounts(connection: Connection) -> list[StoredAccount]:
    """Read all accounts that have a history, ordered by key."""
    return [
        StoredAccount(key=row.account_key, id=row.account_id, timezone=stored_timezone(row.timezone))
        for row in connection.execute(statement("stored_accounts"))
    ]


def read_last_observed_at(connection: Connection, account_id: int, kind: EntityKind, thing_id: int) -> datetime | None:
    """Read the time of the latest snapshot that contains a stage or segment; None if none does."""
    result: datetime | None = connection.scalar(
        statement("last_observed_at"), {"account_id": account_id, "thing": kind, "thing_id": thing_id}
    )
    return result


def read_snapshot_at(connection: Connection, account_id: int, instant: datetime) -> Snapshot | None:
    """Rebuild the account's latest snapshot at or before ``instant``; None if there is none.

    It equals the published snapshot except for what is not stored: a segment's ``content_hash`` is
    empty, its ``updated_at`` is that of the first snapshot with the same state, the account has its
    current name, and anomalies and requests are missing.
    """
    result = connection.execute(
        statement("past_snapshot"), {"account_id": account_id, "instant": instant}
    ).one_or_none()
    if result is None:
        return None
    parameters = {"account_id": account_id, "observed_at": result.observed_at}
    return Snapshot(
        account=Account(
            id=result.account_id,
            name=result.name or "",
            subdomain=result.subdomain,
            timezone=result.timezone,
            mode=result.customers_mode,
            country=result.country,
            currency=result.currency,
        ),
        observed_at=result.observed_at,
        stages=_read_stages(connection, parameters),
        segments=_read_segments(connection, parameters),
        fields=_read_fields(connection, parameters),
    )


def _read_stages(connection: Connection, parameters: dict[str, Any]) -> tuple[Stage, ...]:
    """Read the stages of a snapshot with their rules."""
    rules: defaultdict[int, list[Rule]] = defaultdict(list)
    for row in connection.execute(statement("past_stage_rules"), parameters):
        rules[row.stage_id].append(
            Rule(
                group=row.group_position,
                position=row.rule_position,
                type=row.type,
                match=_parse_json(row.match),
                body=_parse_json(row.rule),
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
            extra=_parse_json(row.extra),
            content_hash=row.content_hash,
        )
        for row in connection.execute(statement("past_stages"), parameters)
    )


def _read_segments(connection: Connection, parameters: dict[str, Any]) -> tuple[Segment, ...]:
    """Read the segments of a snapshot with their field values."""
    values: defaultdict[int, list[FieldValue]] = defaultdict(list)
    for row in connection.execute(statement("past_field_values"), parameters):
        values[row.segment_id].append(_parse_field_value(row))
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
            extra=_parse_json(row.extra),
            bonus_points_conversion_rate=row.bonus_points_conversion_rate,
            bonus_points_max_discount=row.bonus_points_max_discount,
            content_hash=b"",
        )
        for row in connection.execute(statement("past_segments"), parameters)
    )


def _parse_field_value(row: Row[Any]) -> FieldValue:
    """Build a field value from a row of ``segment_field_value``."""
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
        json=_parse_json(row.json_value),
    )


def _read_fields(connection: Connection, parameters: dict[str, Any]) -> tuple[Field, ...]:
    """Read the fields of a snapshot with their options."""
    options: defaultdict[int, list[Option]] = defaultdict(list)
    for row in connection.execute(statement("past_options"), parameters):
        options[row.field_id].append(
            Option(
                id=row.option_id,
                value=row.value,
                sort=row.sort,
                extra=_parse_json(row.extra),
                content_hash=row.content_hash,
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
            extra=_parse_json(row.extra),
            content_hash=row.content_hash,
        )
        for row in connection.execute(statement("past_fields"), parameters)
    )


def _parse_json(text: str | None) -> Json:
    """Parse a stored JSON value with exact numbers."""
    return None if text is None else strict_json.parse(text.encode())
