"""One stage, segment or field from its row. Lists, and what of them is gone, are ``read``'s subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from zoneinfo import ZoneInfo

from pipelines.amocrm import content
from pipelines.amocrm.content import object_list
from pipelines.amocrm.oddities import Notes
from pipelines.amocrm.records import Field, Json, Option, Rule, Segment, Stage
from pipelines.amocrm.rows import RowReader
from pipelines.amocrm.shape import Misshapen, usable_id
from pipelines.amocrm.values import Surroundings, note_unknown_type, read_entries, unknown_parts

STAGE_KEYS = frozenset({"id", "name", "sort", "is_default", "color", "type", "conditions", "account_id", "_links"})
SEGMENT_KEYS = frozenset(
    {
        "id",
        "created_at",
        "updated_at",
        "name",
        "customers_count",
        "color",
        "custom_fields_values",
        "available_products_price_types",
        "account_id",
        "_links",
    }
)
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
"""Keys of fields that the vendor's documentation and client library know; not odd, and kept as JSON."""
DOCUMENTED_OPTION_KEYS = frozenset({"code"})

_FIELD_AND_POSITION = itemgetter(0, 1)

STAGE_TYPES = range(5)
"""0 regular, then four system types, on whose meaning the page's text and its example disagree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What reading a row needs to know of its account, and where oddities go."""

    account_id: int
    timezone: ZoneInfo
    notes: Notes

    def noting(self, notes: Notes) -> Reading:
        """The same, where oddities go elsewhere."""
        return replace(self, notes=notes)


def read_stage(row: Json, reading: Reading) -> Stage:
    """A stage with its rules, whose structure is kept and whose meaning the API does not tell."""
    reader = RowReader(row, thing="stage", known=STAGE_KEYS, notes=reading.notes, account_id=reading.account_id)
    reader.note_unknown_keys()
    groups = object_list(row.get("conditions"), "conditions")
    kind = reader.integer("type")
    if kind is not None and kind not in STAGE_TYPES:
        reader.note("unknown_type", f"the type is {kind}")
    return Stage(
        id=reader.id,
        name=reader.text("name"),
        sort=reader.integer("sort"),
        is_default=reader.boolean("is_default"),
        color=reader.text("color"),
        type=kind,
        rule_group_count=len(groups),
        rules=tuple(
            _rule(rule, group, position, reader)
            for group, rules in enumerate(groups)
            for position, rule in enumerate(object_list(rules, "conditions"))
        ),
        extra=reader.extra(),
        content_hash=content.stage_hash(row),
    )


def read_segment(row: Json, reading: Reading) -> Segment:
    """A segment with its typed field values."""
    reader = RowReader(row, thing="segment", known=SEGMENT_KEYS, notes=reading.notes, account_id=reading.account_id)
    reader.note_unknown_keys()
    prices = object_list(row.get("available_products_price_types"), "available_products_price_types")
    price_ids = [usable_id(price) for price in prices]
    if None in price_ids:
        reader.keep_untyped("available_products_price_types")
    entries = object_list(row.get("custom_fields_values"), "custom_fields_values")
    around = Surroundings(segment_id=reader.id, timezone=reading.timezone, notes=reading.notes)
    values = sorted(read_entries(entries, around), key=_FIELD_AND_POSITION)
    if unknown := unknown_parts(entries, around):
        reader.keep("custom_fields_values", unknown)
    return Segment(
        id=reader.id,
        name=reader.text("name"),
        color=reader.text("color"),
        created_at=reader.instant("created_at"),
        updated_at=reader.passing_instant("updated_at"),
        customers_count=reader.passing_count("customers_count"),
        price_field_ids=tuple(sorted({price_id for price_id in price_ids if price_id is not None})),
        field_values=tuple(values),
        extra=reader.extra(),
        content_hash=content.segment_hash(row, reading.timezone.key),
    )


def read_field(row: Json, reading: Reading) -> Field:
    """A field's definition with its options."""
    reader = RowReader(row, thing="field", known=FIELD_KEYS, notes=reading.notes, account_id=reading.account_id)
    reader.note_unknown_keys(documented=DOCUMENTED_FIELD_KEYS)
    kind = reader.text("type")
    if kind is not None:
        note_unknown_type(kind, reader.id, reading.notes)
    return Field(
        id=reader.id,
        name=reader.text("name"),
        code=reader.text("code", may_be_missing=True),
        type=kind,
        sort=reader.integer("sort"),
        options=_options(row, reader.id, reading.notes),
        extra=reader.extra(),
        content_hash=content.field_hash(row),
    )


def _options(row: Mapping[str, Json], field_id: int, notes: Notes) -> tuple[Option, ...]:
    options: dict[int, Option] = {}
    for item in object_list(row.get("enums"), "enums"):
        reader = RowReader(item, thing="option", known=OPTION_KEYS, notes=notes)
        reader.note_unknown_keys(documented=DOCUMENTED_OPTION_KEYS)
        option = Option(
            id=reader.id,
            value=reader.text("value"),
            sort=reader.integer("sort"),
            extra=reader.extra(),
            content_hash=content.option_hash(item),
        )
        if options.setdefault(option.id, option) != option:
            raise Misshapen(f"field {field_id} has option {option.id} twice, with different content")
        if options[option.id] is not option:
            reader.note("duplicate_row", f"field {field_id} shows it more than once")
    return tuple(options[option_id] for option_id in sorted(options))


def _rule(rule: Json, group: int, position: int, reader: RowReader) -> Rule:
    body = reader.storable(rule, "conditions")
    parts = body if isinstance(body, dict) else {}
    kind, match = parts.get("type"), parts.get("match")
    if not isinstance(kind, str):
        reader.note("untyped_value", "a rule of 'conditions' has no type")
    return Rule(
        group=group,
        position=position,
        type=kind if isinstance(kind, str) else None,
        match=match.get("value") if isinstance(match, dict) else match,
        body=body,
    )
