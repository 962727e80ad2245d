"""Content of a segment's field in one canonical form, which is compared, parsed from a file, written to it, and sent.

The types follow the vendor's page "Custom fields". A field of another type can be emptied, but not
filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pipelines.amocrm.models import Field, FieldValue, Json
from pipelines.writeback import validation
from pipelines.writeback.lookup import find_option, option_reference
from pipelines.writeback.yaml_nodes import YamlList, YamlText


class Unsupported(Enum):
    """Marker for a content that a file cannot express: a different type, several values, or an unknown option."""

    VALUE = "not of its field's type"


Content: TypeAlias = str | Decimal | bool | date | datetime | frozenset[int] | Unsupported | None
"""Content of a field, options by id. None: empty; an empty text and an unset checkbox count as
empty."""

ValueKind: TypeAlias = Literal["text", "number", "checkbox", "date", "instant", "option", "options"]

VALUE_KINDS: Final[Mapping[str, ValueKind]] = {
    "text": "text",
    "textarea": "text",
    "url": "text",
    "streetaddress": "text",
    "numeric": "number",
    "monetary": "number",
    "price": "number",
    "checkbox": "checkbox",
    "date": "date",
    "birthday": "date",
    "date_time": "instant",
    "select": "option",
    "radiobutton": "option",
    "category": "option",
    "multiselect": "options",
}
"""Kind of values by field type."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def value_kind(field: Field) -> ValueKind | None:
    """Return the kind of the field's values; None for an unknown field type."""
    return VALUE_KINDS.get(field.type or "")


def content_from_values(field: Field, values: Sequence[FieldValue]) -> Content:
    """Convert ``values``, those of ``field`` in one segment, to its content by the field's current type."""
    kind = value_kind(field)
    if not values:
        return None
    if kind is None or (len(values) > 1 and kind != "options"):
        return Unsupported.VALUE
    if kind in ("option", "options"):
        chosen = frozenset(value.option_id for value in values)
        known = {option.id for option in field.options}
        return frozenset(item for item in chosen if item is not None) if chosen <= known else Unsupported.VALUE
    stored = _VALUE_GETTERS[kind](values[0])
    if stored is None:
        return Unsupported.VALUE
    return None if stored is False or stored == "" else stored


def contents_by_field(fields: Sequence[Field], values: Sequence[FieldValue]) -> Iterator[tuple[Field, Content]]:
    """Yield every field with its content, from all values of one segment."""
    for field in fields:
        yield field, content_from_values(field, [value for value in values if value.field_id == field.id])


def parse_content(field: Field, value: YamlText | YamlList, zone: ZoneInfo) -> Content:
    """Parse a file's ``value`` for ``field``.

    Raises ``ValueError`` with a sentence without its full stop.

    ``zone`` is the account's timezone, in which dates are interpreted.
    """
    if isinstance(value, YamlText) and value.is_null:
        return None
    kind = value_kind(field)
    if kind is None:
        raise ValueError(f"a field of type {field.type} can only be emptied, with null: what it may hold is not known")
    texts = value.items if isinstance(value, YamlList) else (value,)
    if isinstance(value, YamlList) and kind != "options":
        raise ValueError(f"a list, and a field of type {field.type} holds one value")
    if kind in ("option", "options"):
        return frozenset(find_option(field, item).id for item in texts if isinstance(item, YamlText)) or None
    [text] = texts
    assert isinstance(text, YamlText)
    return _PARSERS[kind](text.text, zone)


def to_text(field: Field, content: Content, zone: ZoneInfo) -> YamlText | YamlList:
    """Format ``content`` for a file, so that ``parse_content`` reads it back.

    Times are in ``zone``.
    """
    match content:
        case frozenset():
            names = tuple(option_reference(field, option_id) for option_id in sorted(content))
            return YamlList(items=names) if value_kind(field) == "options" else names[0]
        case str():
            return YamlText(text=content, is_quoted=True)
        case Unsupported():
            return YamlText(text=content.value, is_quoted=True)
        case bool():
            return YamlText(text="true" if content else "false")
        case _:
            return YamlText(text=_format_plain(content, zone))


def to_api(field: Field, content: Content, zone: ZoneInfo) -> dict[str, Json]:
    """Build the item of ``custom_fields_values`` that sets ``field`` to ``content``.

    In a PATCH, fields that are not sent stay unchanged, and ``values: null`` empties a field. The
    vendor's page documents neither; the vendor's own client does both: amocrm-api-php, README on
    ``NullCustomFieldValueCollection`` and issue 352. An unset checkbox is sent as false.
    """
    return {"field_id": field.id, "values": _api_values(field, content, zone)}


def is_clearing(item: Mapping[str, Json]) -> bool:
    """Tell if an item of ``custom_fields_values`` is ``values: null``, which the vendor's page does not document."""
    return item["values"] is None


def _api_values(field: Field, content: Content, zone: ZoneInfo) -> list[Json] | None:
    """Build the list ``values`` of a field as the API takes it; None clears the field."""
    match content:
        case None:
            return [{"value": False}] if value_kind(field) == "checkbox" else None
        case frozenset():
            return [{"enum_id": option_id} for option_id in sorted(content)]
        case Decimal():
            return [{"value": format(content, "f")}]  # as text, so that no JSON parser converts it to a float
        case datetime():
            return [{"value": (content - _EPOCH) // timedelta(seconds=1)}]
        case date():
            return [{"value": (_midnight(content, zone) - _EPOCH) // timedelta(seconds=1)}]
        case str() | bool():
            return [{"value": content}]
        case Unsupported():
            raise ValueError("an unsupported content cannot be sent")


def _parse_text(text: str, _: ZoneInfo) -> str | None:
    if problem := validation.text_problem(text):
        raise ValueError(problem)
    return text or None


def _parse_number(text: str, _: ZoneInfo) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number, like 12 or -12.5")
    return Decimal(text)


def _parse_checkbox(text: str, _: ZoneInfo) -> bool | None:
    if text not in ("true", "false"):
        raise ValueError(f"'{text}' is not true or false")
    return text == "true" or None


def _parse_date(text: str, zone: ZoneInfo) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
        if day and _midnight(day, zone).astimezone(UTC).astimezone(zone).date() == day:
            return day
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"'{text}' is not a date, like 2026-03-31, that {zone.key} has")


def _parse_instant(text: str, _: ZoneInfo) -> datetime:
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"'{text}' is not a time with its offset, like 2026-03-31T09:30:00+03:00")


def _format_plain(content: Decimal | date | datetime | None, zone: ZoneInfo) -> str:
    """Format a number, day or instant for a plan."""
    match content:
        case None:
            return "null"
        case Decimal():
            return format(content, "f")
        case datetime():
            return _to_local(content, zone).isoformat()
        case date():
            return content.isoformat()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    """Convert the instant to ``zone``, or to UTC if the offset at that time was not a whole number of minutes."""
    local = instant.astimezone(zone)
    return (
        local if (local.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta() else instant.astimezone(UTC)
    )


_PARSERS: Final[Mapping[ValueKind, Callable[[str, ZoneInfo], Content]]] = {
    "text": _parse_text,
    "number": _parse_number,
    "checkbox": _parse_checkbox,
    "date": _parse_date,
    "instant": _parse_instant,
}
_VALUE_GETTERS: Final[Mapping[ValueKind, Callable[[FieldValue], str | Decimal | bool | date | datetime | None]]] = {
    "text": lambda value: value.text,
    "number": lambda value: value.number,
    "checkbox": lambda value: value.boolean,
    "date": lambda value: value.date,
    "instant": lambda value: value.instant if value.instant and not value.instant.microsecond else None,
}
