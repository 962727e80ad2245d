"""What a field of a segment holds, in one form: compared, read from a file, written to one, sent.

The types follow the vendor's page "Custom fields". A field of another type can be emptied, but not filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pipelines.amocrm.records import Field, FieldValue, Json
from pipelines.manage import rules
from pipelines.manage.nodes import Items, Text
from pipelines.manage.references import find_option, option_name


class Unmanaged(Enum):
    """A field holds what a file cannot say: of another type than the field, several values, an unknown option."""

    VALUE = "not of its field's type"


Content: TypeAlias = str | Decimal | bool | date | datetime | frozenset[int] | Unmanaged | None
"""What a field holds: options by their ids. None: nothing, which an empty text and an unset checkbox are as well."""

Sort: TypeAlias = Literal["text", "number", "checkbox", "date", "instant", "option", "options"]

SORTS: Final[Mapping[str, Sort]] = {
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
"""How the values of each type of field are treated."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def sort_of(field: Field) -> Sort | None:
    """How the field's values are treated; None where its type is not known here."""
    return SORTS.get(field.type or "")


def content_of(field: Field, values: Sequence[FieldValue]) -> Content:
    """What ``values``, those of ``field`` in one segment, hold by the type that the field has now."""
    sort = sort_of(field)
    if not values:
        return None
    if sort is None or (len(values) > 1 and sort != "options"):
        return Unmanaged.VALUE
    if sort in ("option", "options"):
        chosen = frozenset(value.option_id for value in values)
        known = {option.id for option in field.options}
        return frozenset(one for one in chosen if one is not None) if chosen <= known else Unmanaged.VALUE
    found = _HELD[sort](values[0])
    if found is None:
        return Unmanaged.VALUE
    return None if found is False or found == "" else found


def read_content(field: Field, value: Text | Items, zone: ZoneInfo) -> Content:
    """What a file's ``value`` means for ``field``. Raises ``ValueError`` with a sentence without its full stop.

    ``zone`` is the account's timezone, whose days dates are.
    """
    if isinstance(value, Text) and value.is_null:
        return None
    sort = sort_of(field)
    if sort is None:
        raise ValueError(f"a field of type {field.type} can only be emptied, with null: what it may hold is not known")
    texts = value.items if isinstance(value, Items) else (value,)
    if isinstance(value, Items) and sort != "options":
        raise ValueError(f"a list, and a field of type {field.type} holds one value")
    if sort in ("option", "options"):
        return frozenset(find_option(field, one).id for one in texts if isinstance(one, Text)) or None
    [text] = texts
    assert isinstance(text, Text)
    return _READERS[sort](text.text, zone)


def written(field: Field, content: Content, zone: ZoneInfo) -> Text | Items:
    """``content`` as a file has it, so that ``read_content`` reads the same. Times stand in the account's timezone."""
    match content:
        case frozenset():
            names = tuple(option_name(field, option_id) for option_id in sorted(content))
            return Items(items=names) if sort_of(field) == "options" else names[0]
        case str():
            return Text(text=content, is_quoted=True)
        case Unmanaged():
            return Text(text=content.value, is_quoted=True)
        case bool():
            return Text(text="true" if content else "false")
        case _:
            return Text(text=_written_plainly(content, zone))


def sent(field: Field, content: Content, zone: ZoneInfo) -> dict[str, Json]:
    """The item of ``custom_fields_values`` that makes ``field`` hold ``content``.

    In a PATCH, fields that are not sent stay as they are, and ``values: null`` empties one. The vendor's page says
    neither; the vendor's own client does: amocrm-api-php, README on ``NullCustomFieldValueCollection`` and issue 352.
    An unset checkbox is sent as false, which needs no such rule.
    """
    return {"field_id": field.id, "values": _items(field, content, zone)}


def is_emptying(item: Mapping[str, Json]) -> bool:
    """Whether an item of ``custom_fields_values`` rests on what the vendor's page does not say: ``values: null``."""
    return item["values"] is None


def _items(field: Field, content: Content, zone: ZoneInfo) -> list[Json] | None:
    match content:
        case None:
            return [{"value": False}] if sort_of(field) == "checkbox" else None
        case frozenset():
            return [{"enum_id": option_id} for option_id in sorted(content)]
        case Decimal():
            return [{"value": format(content, "f")}]  # as text, which no JSON reader turns into a float
        case datetime():
            return [{"value": (content - _EPOCH) // timedelta(seconds=1)}]
        case date():
            return [{"value": (_midnight(content, zone) - _EPOCH) // timedelta(seconds=1)}]
        case str() | bool():
            return [{"value": content}]
        case Unmanaged():
            raise ValueError("what is not understood is never sent")


def _text(text: str, _: ZoneInfo) -> str | None:
    if wrong := rules.wrong_text(text):
        raise ValueError(wrong)
    return text or None


def _number(text: str, _: ZoneInfo) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number, like 12 or -12.5")
    return Decimal(text)


def _checkbox(text: str, _: ZoneInfo) -> bool | None:
    if text not in ("true", "false"):
        raise ValueError(f"'{text}' is not true or false")
    return text == "true" or None


def _date(text: str, zone: ZoneInfo) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
        if day and _midnight(day, zone).astimezone(UTC).astimezone(zone).date() == day:
            return day
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"'{text}' is not a date, like 2026-03-31, that {zone.key} has")


def _instant(text: str, _: ZoneInfo) -> datetime:
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"'{text}' is not a time with its offset, like 2026-03-31T09:30:00+03:00")


def _written_plainly(content: Decimal | date | datetime | None, zone: ZoneInfo) -> str:
    match content:
        case None:
            return "null"
        case Decimal():
            return format(content, "f")
        case datetime():
            return _local(content, zone).isoformat()
        case date():
            return content.isoformat()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    """The instant in ``zone``; in UTC where the offset of that time was not of whole minutes."""
    local = instant.astimezone(zone)
    return (
        local if (local.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta() else instant.astimezone(UTC)
    )


_READERS: Final[Mapping[Sort, Callable[[str, ZoneInfo], Content]]] = {
    "text": _text,
    "number": _number,
    "checkbox": _checkbox,
    "date": _date,
    "instant": _instant,
}
_HELD: Final[Mapping[Sort, Callable[[FieldValue], str | Decimal | bool | date | datetime | None]]] = {
    "text": lambda value: value.text,
    "number": lambda value: value.number,
    "checkbox": lambda value: value.boolean,
    "date": lambda value: value.date,
    "instant": lambda value: value.instant if value.instant and not value.instant.microsecond else None,
}
