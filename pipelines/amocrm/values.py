"""A segment's field values, typed by the type of their field. Which values a segment has at all is ``read``'s subject.

What an item of each type looks like follows the vendor's page "Custom fields" and live payloads.
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

Reader: TypeAlias = Callable[[Mapping[str, Json], ZoneInfo], Any]
"""What an item holds, typed, in the account's timezone; None where the item is not of its type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What reading a value needs to know beside the value."""

    segment_id: int
    timezone: ZoneInfo
    notes: Notes

    def note(self, field_id: int, kind: str) -> None:
        """Note an oddity of a value."""
        self.notes.add(kind, "segment", self.segment_id, f"in a value of field {field_id}")


def read_entries(entries: Sequence[Json], around: Surroundings) -> Iterator[FieldValue]:
    """The values of a segment's ``custom_fields_values``; those of a field in their order, chosen options by their id.

    Raises ``Misshapen`` where an entry does not say which field it is about. Everything else that is not as
    documented is noted, and kept as JSON.
    """
    positions: dict[int, int] = {}  # the next of each field, which may have several entries
    for entry in entries:
        field_id = entry_field_id(entry)
        field_type = _field_type(entry.get("field_type"), field_id, around.notes)
        items = object_list(entry.get("values"), "values")
        if field_type in OPTION_TYPES:
            items = sorted(items, key=_by_option)
        first = positions.get(field_id, 0)
        positions[field_id] = first + len(items)
        for position, item in enumerate(items, first):
            yield _read_item(item, field_id, field_type, position, around)


def unknown_parts(entries: Sequence[Json], around: Surroundings) -> list[Json]:
    """The keys of entries that no page documents, each with its field's id."""
    found: list[Json] = []
    for entry in entries:
        if entry.keys() <= ENTRY_KEYS:
            continue
        unknown = {key: value for key, value in entry.items() if key not in ENTRY_KEYS}
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
    attribute, read = _READERS.get(field_type, _UNKNOWN)
    value = read(item, around.timezone) if isinstance(item, dict) else None
    note = partial(around.note, field_id)
    if value is None:
        if field_type in _READERS:
            note("untyped_value")
        found = {"text": storable_json(_plain_text(item), note), "json": storable_json(item, note)}
    else:
        found = {attribute: storable_json(value, note) if attribute in _AS_RECEIVED else value}
        if _says_more(item, field_type, around.notes):
            found["json"] = storable_json(item, note)
        if attribute == "date" and not moments.is_midnight(item.get("value"), around.timezone):
            around.notes.add("date_off_midnight", "field", field_id, "the field has a date that is not midnight")
    return FieldValue(field_id=field_id, position=position, field_type=field_type, **found)


def _field_type(value: Json, field_id: int, notes: Notes) -> str | None:
    if isinstance(value, str) and value in _READERS:
        return value
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


def _text(item: Mapping[str, Json], _: ZoneInfo) -> str | None:
    value = item.get("value")
    return value if isinstance(value, str) else None


def _number(item: Mapping[str, Json], _: ZoneInfo) -> Decimal | None:
    value = item.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    number = Decimal(value)
    return number if is_storable_number(number) else None


def _boolean(item: Mapping[str, Json], _: ZoneInfo) -> bool | None:
    value = item.get("value")
    return value if isinstance(value, bool) else None


def _date(item: Mapping[str, Json], timezone: ZoneInfo) -> date | None:
    return moments.day(item.get("value"), timezone)


def _instant(item: Mapping[str, Json], _: ZoneInfo) -> datetime | None:
    return moments.instant(item.get("value"))


def _option(item: Mapping[str, Json], _: ZoneInfo) -> int | None:
    return usable_id(item.get("enum_id"))


def _json(item: Mapping[str, Json], _: ZoneInfo) -> Json:
    return item


def _nothing(_item: Mapping[str, Json], _: ZoneInfo) -> None:
    return None


_READERS: Mapping[str | None, tuple[str, Reader]] = {
    **dict.fromkeys(TEXT_TYPES, ("text", _text)),
    **dict.fromkeys(NUMBER_TYPES, ("number", _number)),
    **dict.fromkeys(DATE_TYPES, ("date", _date)),
    **dict.fromkeys(OPTION_TYPES, ("option_id", _option)),
    **dict.fromkeys(JSON_TYPES, ("json", _json)),
    "checkbox": ("boolean", _boolean),
    "date_time": ("instant", _instant),
}
"""By a field's type, the attribute of ``FieldValue`` that holds the value, and what reads it."""

_UNKNOWN: tuple[str, Reader] = ("json", _nothing)

_AS_RECEIVED = frozenset({"text", "json"})
"""Attributes whose values may hold what Postgres cannot store."""
