"""Relations of schema ``amocrm`` that are written from records, and their data frames."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.amocrm.models import Anomaly, Field, Option, QuickSegment, Segment, Stage
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


def changed_relations(account_id: int, at: datetime, diff: SnapshotDiff) -> dict[Relation, pd.DataFrame]:
    """Build the frames of a diff's new rows by relation, parents first; unchanged relations are left out."""
    frames: dict[Relation, pd.DataFrame] = {}
    if diff.stages.opened:
        frames |= stage_relations(account_id, at, diff.stages.opened.values())
    if diff.fields.opened:
        frames[FIELD_VERSION] = field_relation(account_id, at, diff.fields.opened.values())
    if diff.options.opened:
        frames[OPTION_VERSION] = option_relation(account_id, at, diff.options.opened)
    if diff.segments.opened:
        frames |= segment_relations(account_id, at, diff.segments.opened.values())
    if diff.sizes:
        frames[SEGMENT_SIZE] = size_relation(account_id, at, diff.sizes)
    if diff.opened_anomalies:
        frames[QUALITY_EVENT] = anomaly_relation(account_id, at, diff.opened_anomalies)
    return frames


def stage_relations(account_id: int, at: datetime, stages: Collection[Stage]) -> dict[Relation, pd.DataFrame]:
    """Build the versions that stages open at ``at``, and their rules."""
    return {
        STAGE_VERSION: STAGE_VERSION.frame(
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
        ),
        STAGE_RULE: STAGE_RULE.frame(
            (account_id, stage.id, at, rule.group, rule.position, rule.type, rule.match, rule.body)
            for stage in stages
            for rule in stage.rules
        ),
    }


def field_relation(account_id: int, at: datetime, fields: Collection[Field]) -> pd.DataFrame:
    """Build the versions that fields open at ``at``."""
    return FIELD_VERSION.frame(
        (account_id, field.id, at, field.name, field.code, field.type, field.sort, field.extra, field.content_hash)
        for field in fields
    )


def option_relation(account_id: int, at: datetime, options: Mapping[tuple[int, int], Option]) -> pd.DataFrame:
    """Build the versions that options, by field id and option id, open at ``at``."""
    return OPTION_VERSION.frame(
        (account_id, field_id, option.id, at, option.value, option.sort, option.extra, option.content_hash)
        for (field_id, _), option in options.items()
    )


def segment_relations(
    account_id: int, at: datetime, segments: Collection[Segment | QuickSegment]
) -> dict[Relation, pd.DataFrame]:
    """Build the versions that segments open at ``at``, with their price fields and field values.

    Values of the quick reader are left out: ``quick_value_text`` has them.
    """
    rows: Mapping[Relation, Iterable[tuple[Any, ...]]] = {
        SEGMENT_VERSION: (
            (
                account_id,
                segment.id,
                at,
                segment.name,
                segment.color,
                segment.created_at,
                segment.updated_at,
                segment.extra,
            )
            for segment in segments
        ),
        SEGMENT_PRICE_FIELD: (
            (account_id, segment.id, at, price_field_id)
            for segment in segments
            for price_field_id in segment.price_field_ids
        ),
        SEGMENT_FIELD_VALUE: (
            (account_id, segment.id, at, *value)
            for segment in segments
            if isinstance(segment, Segment)
            for value in segment.field_values
        ),
    }
    # An empty frame takes as long as one of a hundred rows.
    return {relation: relation.frame(found) for relation, values in rows.items() if (found := list(values))}


def quick_value_text(account_id: int, at: datetime, segments: Collection[Segment | QuickSegment]) -> str:
    """Build the rows of ``SEGMENT_FIELD_VALUE`` in COPY's text format, of segments that the quick reader read."""
    texts = []
    for segment in segments:
        if isinstance(segment, QuickSegment) and segment.value_lines:
            key_columns = f"{account_id}\t{segment.id}\t{at}\t"
            texts.append(key_columns + f"\n{key_columns}".join(segment.value_lines) + "\n")
    return "".join(texts)


def size_relation(account_id: int, at: datetime, sizes: Mapping[int, int | None]) -> pd.DataFrame:
    """Build the sizes that changed at ``at``, by segment; None for a segment that is gone."""
    return SEGMENT_SIZE.frame((account_id, segment_id, at, size) for segment_id, size in sizes.items())


def anomaly_relation(account_id: int, at: datetime, anomalies: Collection[Anomaly]) -> pd.DataFrame:
    """Build the anomalies that a snapshot is the first to show."""
    return QUALITY_EVENT.frame(
        (account_id, anomaly.kind, anomaly.thing, anomaly.thing_id, anomaly.detail, at) for anomaly in sorted(anomalies)
    )
