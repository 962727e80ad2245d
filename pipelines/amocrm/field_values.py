"""Parsers of a segment's field values, by the type of their field.

Items follow https://www.amocrm.ru/developers/content/crm_platform/custom-fields and live payloads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from pipelines.amocrm import timestamps
from pipelines.amocrm.anomalies import AnomalyLog, quote_name
from pipelines.amocrm.content_hash import (
    DATE_TYPES,
    OPTION_TYPES,
    parse_entry_field_id,
    parse_list,
)
from pipelines.amocrm.models import FieldValue, Json
from pipelines.amocrm.sanitize import fits_numeric, sanitize_json, sanitize_text
from pipelines.amocrm.segment_row import ENTRY_KEYS, ITEM_KEYS
from pipelines.amocrm.validation import parse_id

TEXT_TYPES = ("text", "textarea", "url", "streetaddress", "multitext", "smart_address")
NUMBER_TYPES = ("numeric", "monetary", "price")
JSON_TYPES = (
    "chained_list",
    "file",
    "items",
    "legal_entity",
    "linked_entity",
    "org_legal_name",
    "payer",
    "supplier",
    "tracking_data",
)
"""Types whose values are objects, or refer to entities elsewhere: kept as JSON."""

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)

ValueParser: TypeAlias = Callable[[Mapping[str, Json], ZoneInfo], Any]
"""Parser of an item in the account's timezone; returns None if the item is not of its type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldContext:
    """Segment of a value, the account's timezone, and the log for anomalies."""

    segment_id: int
    timezone: ZoneInfo
    anomaly_log: AnomalyLog

    def report(self, field_id: int, kind: str) -> None:
        """Record an anomaly of a value."""
        self.anomaly_log.add(kind, "segment", self.segment_id, f"in a value of field {field_id}")


def parse_field_values(entries: Sequence[Json], context: FieldContext) -> Iterator[FieldValue]:
    """Parse a segment's ``custom_fields_values``; values keep their order, options are sorted by id.

    Raises ``InvalidRecord`` if an entry has no field id. Any other deviation is recorded as an
    anomaly, and the value kept as JSON.
    """
    positions: dict[int, int] = {}  # next position by field, which may have several entries
    for entry in entries:
        field_id = parse_entry_field_id(entry)
        field_type = _parse_field_type(entry.get("field_type"), field_id, context.anomaly_log)
        items = parse_list(entry.get("values"), "values")
        if field_type in OPTION_TYPES:
            items = sorted(items, key=_option_sort_key)
        first_position = positions.get(field_id, 0)
        positions[field_id] = first_position + len(items)
        for position, item in enumerate(items, first_position):
            yield _parse_item(item, field_id, field_type, position, context)


def unknown_entry_keys(entries: Sequence[Json], context: FieldContext) -> list[Json]:
    """Return the undocumented keys of entries, each with its field's id."""
    result: list[Json] = []
    for entry in entries:
        if entry.keys() <= ENTRY_KEYS:
            continue
        unknown = {key: value for key, value in entry.items() if key not in ENTRY_KEYS}
        result.append({"field_id": entry["field_id"]} | unknown)
        for key in unknown:
            context.anomaly_log.add(
                "unknown_key", "segment", 0, f"{quote_name(key)}, in an entry of custom_fields_values"
            )
    return result


def report_unknown_type(field_type: Json, field_id: int, anomaly_log: AnomalyLog) -> None:
    """Record an anomaly if a field's type is not documented."""
    if not isinstance(field_type, str) or field_type not in _PARSERS_BY_TYPE:
        type_text = quote_name(field_type) if isinstance(field_type, str) else "that is not a text"
        anomaly_log.add("unknown_field_type", "field", field_id, f"the field has a type {type_text}")


def _parse_item(item: Json, field_id: int, field_type: str | None, position: int, context: FieldContext) -> FieldValue:
    """Parse one item into the attribute of its type; an item of another type is kept as JSON."""
    attribute, parse = _PARSERS_BY_TYPE.get(field_type, _UNKNOWN_TYPE)
    value = parse(item, context.timezone) if isinstance(item, dict) else None
    report = partial(context.report, field_id)
    if value is None:
        if field_type in _PARSERS_BY_TYPE:
            report("untyped_value")
        result = {"text": sanitize_json(_plain_text(item), report), "json": sanitize_json(item, report)}
    else:
        result = {attribute: sanitize_json(value, report) if attribute in _NEEDS_SANITIZING else value}
        if _has_extra_keys(item, field_type, context.anomaly_log):
            result["json"] = sanitize_json(item, report)
        if attribute == "date" and not timestamps.is_midnight(item.get("value"), context.timezone):
            context.anomaly_log.add("date_off_midnight", "field", field_id, "the field has a date that is not midnight")
    return FieldValue(field_id=field_id, position=position, field_type=field_type, **result)


def _parse_field_type(value: Json, field_id: int, anomaly_log: AnomalyLog) -> str | None:
    """Return the field's type as Postgres can store it, and report an undocumented one."""
    if isinstance(value, str) and value in _PARSERS_BY_TYPE:
        return value
    report_unknown_type(value, field_id, anomaly_log)
    return sanitize_text(value) if isinstance(value, str) else None


def _has_extra_keys(item: dict[str, Json], field_type: str | None, anomaly_log: AnomalyLog) -> bool:
    """Return True if an item holds more than its typed value: unknown keys, or a part of an address."""
    if item.keys() <= ITEM_KEYS:
        return field_type not in OPTION_TYPES and (item.get("enum_id") or item.get("enum_code")) is not None
    if field_type not in JSON_TYPES:
        for key in item.keys() - ITEM_KEYS:
            anomaly_log.add("unknown_key", "segment", 0, f"{quote_name(key)}, in a field value")
    return True


def _plain_text(item: Json) -> str | None:
    """Return an item's value as text if it is a scalar."""
    match item.get("value") if isinstance(item, dict) else item:
        case str() as text:
            return text
        case bool() as truth:
            return "true" if truth else "false"
        case int() | Decimal() as number:
            return str(number)
        case _:
            return None


def _option_sort_key(item: Json) -> tuple[bool, int]:
    """Sort by option id; items without one come last."""
    option_id = parse_id(item.get("enum_id")) if isinstance(item, dict) else None
    return option_id is None, option_id or 0


def _parse_text(item: Mapping[str, Json], _: ZoneInfo) -> str | None:
    value = item.get("value")
    return value if isinstance(value, str) else None


def _parse_number(item: Mapping[str, Json], _: ZoneInfo) -> Decimal | None:
    """Return a number that Postgres' ``numeric`` holds exactly, otherwise None."""
    value = item.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        return None
    number = Decimal(value)
    return number if fits_numeric(number) else None


def _parse_boolean(item: Mapping[str, Json], _: ZoneInfo) -> bool | None:
    value = item.get("value")
    return value if isinstance(value, bool) else None


def _parse_date(item: Mapping[str, Json], timezone: ZoneInfo) -> date | None:
    return timestamps.parse_day(item.get("value"), timezone)


def _parse_instant(item: Mapping[str, Json], _: ZoneInfo) -> datetime | None:
    return timestamps.parse_timestamp(item.get("value"))


def _parse_option_id(item: Mapping[str, Json], _: ZoneInfo) -> int | None:
    return parse_id(item.get("enum_id"))


def _keep_json(item: Mapping[str, Json], _: ZoneInfo) -> Json:
    return item


def _parse_nothing(_item: Mapping[str, Json], _: ZoneInfo) -> None:
    return None


_PARSERS_BY_TYPE: Mapping[str | None, tuple[str, ValueParser]] = {
    **dict.fromkeys(TEXT_TYPES, ("text", _parse_text)),
    **dict.fromkeys(NUMBER_TYPES, ("number", _parse_number)),
    **dict.fromkeys(DATE_TYPES, ("date", _parse_date)),
    **dict.fromkeys(OPTION_TYPES, ("option_id", _parse_option_id)),
    **dict.fromkeys(JSON_TYPES, ("json", _keep_json)),
    "checkbox": ("boolean", _parse_boolean),
    "date_time": ("instant", _parse_instant),
}
"""Attribute of ``FieldValue`` and parser, by a field's type."""

_UNKNOWN_TYPE: tuple[str, ValueParser] = ("json", _parse_nothing)

_NEEDS_SANITIZING = frozenset({"text", "json"})
"""Attributes whose values may hold characters or numbers that Postgres cannot store."""
