"""A segment's field values, typed by the type of their field. Which values a segment has at all is ``read``'s subject.

What an item of each type looks like follows the vendor's page "Custom fields" and live payloads.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from pipelines.amocrm import moments
from pipelines.amocrm.content import DATE_TYPES, ENTRY_KEYS, ITEM_KEYS, OPTION_TYPES, entry_field_id, object_list
from pipelines.amocrm.oddities import Notes, quoted
from pipelines.amocrm.records import FieldValue, Json
from pipelines.amocrm.shape import usable_id
from pipelines.amocrm.storable import is_storable_number, storable_json, storable_text

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
"""Types whose values are objects, or mean something only elsewhere: they are kept as JSON."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)

Typed: TypeAlias = dict[str, Any] | None
"""The attributes of a ``FieldValue`` that hold the value; None where the item is not of its type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What reading a value needs to know beside the value."""

    segment_id: int
    timezone: ZoneInfo
    notes: Notes


def read_entries(entries: Sequence[Json], around: Surroundings) -> Iterator[FieldValue]:
    """The values of a segment's ``custom_fields_values``; those of a field in their order, chosen options by their id.

    Raises ``Misshapen`` where an entry does not say which field it is about. Everything else that is not as
    documented is noted, and kept as JSON.
    """
    positions: defaultdict[int, Iterator[int]] = defaultdict(count)  # a field may have several entries
    for entry in entries:
        field_id = entry_field_id(entry)
        field_type = _field_type(entry.get("field_type"), field_id, around.notes)
        items = object_list(entry.get("values"), "values")
        if field_type in OPTION_TYPES:
            items = sorted(items, key=_by_option)
        for item in items:
            yield _read_item(item, field_id, field_type, next(positions[field_id]), around)


def unknown_parts(entries: Sequence[Json], around: Surroundings) -> list[Json]:
    """The keys of entries that no page documents, each with its field's id."""
    found: list[Json] = []
    for entry in entries:
        if unknown := {key: value for key, value in entry.items() if key not in ENTRY_KEYS}:
            found.append({"field_id": entry["field_id"]} | unknown)
            for key in unknown:
                around.notes.add("unknown_key", "segment", 0, f"{quoted(key)}, in an entry of custom_fields_values")
    return found


def note_unknown_type(field_type: Json, field_id: int, notes: Notes) -> None:
    """Note a field's type unless it is documented."""
    if not isinstance(field_type, str) or field_type not in _READERS:
        shown = quoted(field_type) if isinstance(field_type, str) else "that is not a text"
        notes.add("unknown_field_type", "field", field_id, f"the field has a type {shown}")


def _read_item(item: Json, field_id: int, field_type: str | None, position: int, around: Surroundings) -> FieldValue:
    def note(kind: str) -> None:
        around.notes.add(kind, "segment", around.segment_id, f"in a value of field {field_id}")

    reader = _READERS.get(field_type)
    found = reader(item, around.timezone) if reader and isinstance(item, dict) else None
    if found is None:
        found = {"text": _plain_text(item), "json": item}
        if reader:
            note("untyped_value")
    elif _says_more(item, field_type, around.notes):
        found["json"] = item
    if "date" in found and not moments.is_midnight(item.get("value"), around.timezone):
        around.notes.add("date_off_midnight", "field", field_id, "the field has a date that is not midnight")
    return FieldValue(
        field_id=field_id,
        field_type=field_type,
        position=position,
        **{name: storable_json(value, note) for name, value in found.items()},
    )


def _field_type(value: Json, field_id: int, notes: Notes) -> str | None:
    note_unknown_type(value, field_id, notes)
    return storable_text(value) if isinstance(value, str) else None


def _says_more(item: dict[str, Json], field_type: str | None, notes: Notes) -> bool:
    """Whether an item holds more than its typed value: keys nobody knows, or which part of an address it is."""
    if item.keys() <= ITEM_KEYS:
        return field_type not in OPTION_TYPES and (item.get("enum_id") or item.get("enum_code")) is not None
    if field_type not in JSON_TYPES:
        for key in item.keys() - ITEM_KEYS:
            notes.add("unknown_key", "segment", 0, f"{quoted(key)}, in a field value")
    return True


def _plain_text(item: Json) -> str | None:
    """The value of an item as text, where it is a scalar."""
    match item.get("value") if isinstance(item, dict) else item:
        case str() as text:
            return text
        case bool() as truth:
            return "true" if truth else "false"
        case int() | Decimal() as number:
            return str(number)
        case _:
            return None


def _by_option(item: Json) -> tuple[bool, int]:
    option_id = usable_id(item.get("enum_id")) if isinstance(item, dict) else None
    return option_id is None, option_id or 0


def _text(item: Mapping[str, Json], _: ZoneInfo) -> Typed:
    value = item.get("value")
    return {"text": value} if isinstance(value, str) else None


def _number(item: Mapping[str, Json], _: ZoneInfo) -> Typed:
    value = item.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    number = Decimal(value)
    return {"number": number} if is_storable_number(number) else None


def _boolean(item: Mapping[str, Json], _: ZoneInfo) -> Typed:
    value = item.get("value")
    return {"boolean": value} if isinstance(value, bool) else None


def _date(item: Mapping[str, Json], timezone: ZoneInfo) -> Typed:
    day = moments.day(item.get("value"), timezone)
    return None if day is None else {"date": day}


def _instant(item: Mapping[str, Json], _: ZoneInfo) -> Typed:
    instant = moments.instant(item.get("value"))
    return None if instant is None else {"instant": instant}


def _option(item: Mapping[str, Json], _: ZoneInfo) -> Typed:
    option_id = usable_id(item.get("enum_id"))
    return None if option_id is None else {"option_id": option_id}


def _json(item: Mapping[str, Json], _: ZoneInfo) -> Typed:
    return {"json": item}


_READERS: Mapping[str | None, Callable[[Mapping[str, Json], ZoneInfo], Typed]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    **dict.fromkeys(NUMBER_TYPES, _number),
    **dict.fromkeys(DATE_TYPES, _date),
    **dict.fromkeys(OPTION_TYPES, _option),
    **dict.fromkeys(JSON_TYPES, _json),
    "checkbox": _boolean,
    "date_time": _instant,
}
