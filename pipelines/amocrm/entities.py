"""Parsers of one stage, segment or field.

Keys are those of https://www.amocrm.com/developers/content/api_v4/customers-stages-and-segments/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from zoneinfo import ZoneInfo

from pipelines.amocrm import content_hash
from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.content_hash import parse_list
from pipelines.amocrm.field_values import FieldContext, parse_field_values, report_unknown_type, unknown_entry_keys
from pipelines.amocrm.models import Field, Json, Option, Rule, Segment, Stage
from pipelines.amocrm.row_parser import RowParser
from pipelines.amocrm.segment_row import SEGMENT_KEYS
from pipelines.amocrm.validation import InvalidRecord, parse_id

STAGE_KEYS = frozenset({"id", "name", "sort", "is_default", "color", "type", "conditions", "account_id", "_links"})
FIELD_KEYS = frozenset({"id", "name", "code", "sort", "type", "account_id", "enums", "_links"})
OPTION_KEYS = frozenset({"id", "value", "sort"})
DOCUMENTED_FIELD_KEYS = frozenset(
    {
        "catalog_id",
        "chained_lists",
        "currency",
        "entity_type",
        "group_id",
        "hidden_statuses",
        "is_api_only",
        "is_deletable",
        "is_predefined",
        "is_required",
        "is_visible",
        "nested",
        "remind",
        "required_statuses",
        "search_in",
        "settings",
        "tracking_callback",
        "triggers",
    }
)
"""Keys of fields that other vendor pages or the vendor's client library know: kept as JSON, no anomaly."""
DOCUMENTED_OPTION_KEYS = frozenset({"code"})

_FIELD_AND_POSITION = itemgetter(0, 1)

STAGE_TYPES = range(5)
"""0 is regular, 1 to 4 are system types.

The page's text and its example disagree on what they mean.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParseContext:
    """Account of a row, and the log for anomalies."""

    account_id: int
    timezone: ZoneInfo
    anomaly_log: AnomalyLog

    def with_anomaly_log(self, anomaly_log: AnomalyLog) -> ParseContext:
        """Return a copy with another anomaly log."""
        return replace(self, anomaly_log=anomaly_log)


def parse_stage(row: Json, context: ParseContext) -> Stage:
    """Parse a stage with its rules.

    Their structure is kept; the API does not document its meaning.
    """
    parser = RowParser(
        row, thing="stage", known=STAGE_KEYS, anomaly_log=context.anomaly_log, account_id=context.account_id
    )
    parser.report_unknown_keys()
    groups = parse_list(parser.row.get("conditions"), "conditions")
    type_ = parser.integer("type")
    if type_ is not None and type_ not in STAGE_TYPES:
        parser.report("unknown_type", f"the type is {type_}")
    return Stage(
        id=parser.id,
        name=parser.text("name"),
        sort=parser.integer("sort"),
        is_default=parser.boolean("is_default"),
        color=parser.text("color"),
        type=type_,
        rule_group_count=len(groups),
        rules=tuple(
            _parse_rule(rule, group, position, parser)
            for group, rules in enumerate(groups)
            for position, rule in enumerate(parse_list(rules, "conditions"))
        ),
        extra=parser.extra(),
        content_hash=content_hash.stage_hash(parser.row),
    )


def parse_segment(row: Json, context: ParseContext) -> Segment:
    """Parse a segment with its typed field values."""
    parser = RowParser(
        row, thing="segment", known=SEGMENT_KEYS, anomaly_log=context.anomaly_log, account_id=context.account_id
    )
    parser.report_unknown_keys()
    prices = parse_list(parser.row.get("available_products_price_types"), "available_products_price_types")
    price_ids = [parse_id(price) for price in prices]
    if None in price_ids:
        parser.report_and_keep("available_products_price_types")
    entries = parse_list(parser.row.get("custom_fields_values"), "custom_fields_values")
    field_context = FieldContext(segment_id=parser.id, timezone=context.timezone, anomaly_log=context.anomaly_log)
    values = sorted(parse_field_values(entries, field_context), key=_FIELD_AND_POSITION)
    if unknown := unknown_entry_keys(entries, field_context):
        parser.keep_extra("custom_fields_values", unknown)
    return Segment(
        id=parser.id,
        name=parser.text("name"),
        color=parser.text("color"),
        created_at=parser.instant("created_at"),
        updated_at=parser.instant_outside_content("updated_at"),
        customers_count=parser.count_outside_content("customers_count"),
        price_field_ids=tuple(sorted({price_id for price_id in price_ids if price_id is not None})),
        field_values=tuple(values),
        bonus_points_conversion_rate=parser.number("bonus_points_conversion_rate", is_optional=True),
        bonus_points_max_discount=parser.number("bonus_points_max_discount", is_optional=True),
        extra=parser.extra(),
        content_hash=content_hash.segment_hash(parser.row, context.timezone.key),
    )


def parse_field(row: Json, context: ParseContext) -> Field:
    """Parse a field's definition with its options."""
    parser = RowParser(
        row, thing="field", known=FIELD_KEYS, anomaly_log=context.anomaly_log, account_id=context.account_id
    )
    parser.report_unknown_keys(documented=DOCUMENTED_FIELD_KEYS)
    type_ = parser.text("type")
    if type_ is not None:
        report_unknown_type(type_, parser.id, context.anomaly_log)
    return Field(
        id=parser.id,
        name=parser.text("name"),
        code=parser.text("code", is_optional=True),
        type=type_,
        sort=parser.integer("sort"),
        options=_parse_options(parser.row, parser.id, context.anomaly_log),
        extra=parser.extra(),
        content_hash=content_hash.field_hash(parser.row),
    )


def _parse_options(row: Mapping[str, Json], field_id: int, anomaly_log: AnomalyLog) -> tuple[Option, ...]:
    """Parse a field's options, sorted by id.

    Raises ``InvalidRecord`` if one id has two contents.
    """
    options: dict[int, Option] = {}
    for option_row in parse_list(row.get("enums"), "enums"):
        parser = RowParser(option_row, thing="option", known=OPTION_KEYS, anomaly_log=anomaly_log)
        parser.report_unknown_keys(documented=DOCUMENTED_OPTION_KEYS)
        option = Option(
            id=parser.id,
            value=parser.text("value"),
            sort=parser.integer("sort"),
            extra=parser.extra(),
            content_hash=content_hash.option_hash(option_row),
        )
        if options.setdefault(option.id, option) != option:
            raise InvalidRecord(f"field {field_id} has option {option.id} twice, with different content")
        if options[option.id] is not option:
            parser.report("duplicate_row", f"field {field_id} shows it more than once")
    return tuple(options[option_id] for option_id in sorted(options))


def _parse_rule(rule: Json, group: int, position: int, parser: RowParser) -> Rule:
    """Parse one rule of a stage, kept whole with its type and match extracted."""
    body = parser.sanitize(rule, "conditions")
    parts = body if isinstance(body, dict) else {}
    type_, match = parts.get("type"), parts.get("match")
    if not isinstance(type_, str):
        parser.report("untyped_value", "a rule of 'conditions' has no type")
    return Rule(
        group=group,
        position=position,
        type=type_ if isinstance(type_, str) else None,
        match=match.get("value") if isinstance(match, dict) else match,
        body=body,
    )
