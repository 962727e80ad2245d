"""Relations of schema ``amocrm`` that are written from records, and their data frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from pipelines.amocrm.models import QuickSegment, Segment
from pipelines.transform.diff import SnapshotDiff
from pipelines.transform.relation import BOOLEAN, INSTANT, INTEGER, OBJECT, TEXT, Relation

if TYPE_CHECKING:
    import pandas as pd

STAGE_VERSION = Relation(
    name="stage_version",
    columns={
        "account_id": INTEGER,
        "stage_id": INTEGER,
        "valid_from": INSTANT,
        "name": TEXT,
        "sort": INTEGER,
        "is_default": BOOLEAN,
        "color": TEXT,
        "type": INTEGER,
        "rule_group_count": INTEGER,
        "extra": OBJECT,
        "content_hash": OBJECT,
    },
    key=("account_id", "stage_id", "valid_from"),
)

STAGE_RULE = Relation(
    name="stage_rule",
    columns={
        "account_id": INTEGER,
        "stage_id": INTEGER,
        "valid_from": INSTANT,
        "group_position": INTEGER,
        "rule_position": INTEGER,
        "type": TEXT,
        "match": OBJECT,
        "rule": OBJECT,
    },
    key=("account_id", "stage_id", "valid_from", "group_position", "rule_position"),
)

FIELD_VERSION = Relation(
    name="field_version",
    columns={
        "account_id": INTEGER,
        "field_id": INTEGER,
        "valid_from": INSTANT,
        "name": TEXT,
        "code": TEXT,
        "type": TEXT,
        "sort": INTEGER,
        "extra": OBJECT,
        "content_hash": OBJECT,
    },
    key=("account_id", "field_id", "valid_from"),
)

OPTION_VERSION = Relation(
    name="option_version",
    columns={
        "account_id": INTEGER,
        "field_id": INTEGER,
        "option_id": INTEGER,
        "valid_from": INSTANT,
        "value": TEXT,
        "sort": INTEGER,
        "extra": OBJECT,
        "content_hash": OBJECT,
    },
    key=("account_id", "field_id", "option_id", "valid_from"),
)

SEGMENT_VERSION = Relation(
    name="segment_version",
    columns={
        "account_id": INTEGER,
        "segment_id": INTEGER,
        "valid_from": INSTANT,
        "name": TEXT,
        "color": TEXT,
        "created_at": INSTANT,
        "updated_at": INSTANT,
        "extra": OBJECT,
        "bonus_points_conversion_rate": OBJECT,
        "bonus_points_max_discount": OBJECT,
    },
    key=("account_id", "segment_id", "valid_from"),
)

SEGMENT_PRICE_FIELD = Relation(
    name="segment_price_field",
    columns={"account_id": INTEGER, "segment_id": INTEGER, "valid_from": INSTANT, "price_field_id": INTEGER},
    key=("account_id", "segment_id", "valid_from", "price_field_id"),
)

SEGMENT_FIELD_VALUE = Relation(
    name="segment_field_value",
    columns={
        "account_id": INTEGER,
        "segment_id": INTEGER,
        "valid_from": INSTANT,
        "field_id": INTEGER,
        "position": INTEGER,
        "field_type": TEXT,
        "text_value": TEXT,
        "number_value": OBJECT,
        "boolean_value": BOOLEAN,
        "date_value": OBJECT,
        "timestamp_value": INSTANT,
        "option_id": INTEGER,
        "json_value": OBJECT,
    },
    key=("account_id", "segment_id", "valid_from", "field_id", "position"),
)

SEGMENT_SIZE = Relation(
    name="segment_size",
    columns={"account_id": INTEGER, "segment_id": INTEGER, "observed_at": INSTANT, "customers_count": INTEGER},
    key=("account_id", "segment_id", "observed_at"),
)

QUALITY_EVENT = Relation(
    name="quality_event",
    columns={
        "account_id": INTEGER,
        "kind": TEXT,
        "thing": TEXT,
        "thing_id": INTEGER,
        "detail": TEXT,
        "valid_from": INSTANT,
    },
    key=("account_id", "kind", "thing", "thing_id", "detail", "valid_from"),
)

WRITTEN_RELATIONS = (
    STAGE_VERSION,
    STAGE_RULE,
    FIELD_VERSION,
    OPTION_VERSION,
    SEGMENT_VERSION,
    SEGMENT_PRICE_FIELD,
    SEGMENT_FIELD_VALUE,
    SEGMENT_SIZE,
    QUALITY_EVENT,
)
"""All written relations, parents before children."""


Rows: TypeAlias = list[tuple[Any, ...]]
"""Rows of a relation; values are in the order of its columns."""


def changed_rows(account_id: int, at: datetime, diff: SnapshotDiff) -> dict[Relation, Rows]:
    """List a diff's new rows by relation, parents first; relations without any are left out.

    Values of the quick reader are left out: ``quick_value_text`` has them.
    """
    stages, fields = diff.stages.opened.values(), diff.fields.opened.values()
    segments = diff.segments.opened.values()
    rows: Mapping[Relation, Rows] = {
        STAGE_VERSION: [
            (
                account_id,
                stage.id,
                at,
                stage.name,
                stage.sort,
                stage.is_default,
                stage.color,
                stage.type,
                stage.rule_group_count,
                stage.extra,
                stage.content_hash,
            )
            for stage in stages
        ],
        STAGE_RULE: [
            (account_id, stage.id, at, rule.group, rule.position, rule.type, rule.match, rule.body)
            for stage in stages
            for rule in stage.rules
        ],
        FIELD_VERSION: [
            (account_id, field.id, at, field.name, field.code, field.type, field.sort, field.extra, field.content_hash)
            for field in fields
        ],
        OPTION_VERSION: [
            (account_id, field_id, option.id, at, option.value, option.sort, option.extra, option.content_hash)
            for (field_id, _), option in diff.options.opened.items()
        ],
        SEGMENT_VERSION: [
            (
                account_id,
                segment.id,
                at,
                segment.name,
                segment.color,
                segment.created_at,
                segment.updated_at,
                segment.extra,
                segment.bonus_points_conversion_rate,
                segment.bonus_points_max_discount,
            )
            for segment in segments
        ],
        SEGMENT_PRICE_FIELD: [
            (account_id, segment.id, at, price_field_id)
            for segment in segments
            for price_field_id in segment.price_field_ids
        ],
        SEGMENT_FIELD_VALUE: [
            (account_id, segment.id, at, *value)
            for segment in segments
            if isinstance(segment, Segment)
            for value in segment.field_values
        ],
        SEGMENT_SIZE: [(account_id, segment_id, at, size) for segment_id, size in diff.sizes.items()],
        QUALITY_EVENT: [
            (account_id, anomaly.kind, anomaly.thing, anomaly.thing_id, anomaly.detail, at)
            for anomaly in sorted(diff.opened_anomalies)
        ],
    }
    return {relation: found for relation, found in rows.items() if found}


def changed_relations(account_id: int, at: datetime, diff: SnapshotDiff) -> dict[Relation, pd.DataFrame]:
    """Build the frames of ``changed_rows``."""
    return {relation: relation.frame(rows) for relation, rows in changed_rows(account_id, at, diff).items()}


def quick_value_text(account_id: int, at: datetime, segments: Collection[Segment | QuickSegment]) -> str:
    """Build the rows of ``SEGMENT_FIELD_VALUE`` in COPY's text format, of segments that the quick reader read."""
    texts = []
    for segment in segments:
        if isinstance(segment, QuickSegment) and segment.value_lines:
            key_columns = f"{account_id}\t{segment.id}\t{at}\t"
            texts.append(key_columns + f"\n{key_columns}".join(segment.value_lines) + "\n")
    return "".join(texts)
