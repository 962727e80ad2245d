"""Quick reader of segments: checks and types the values of a row without an object for each.

It accepts a row only if the careful reader (``entities.parse_segment``) finds no anomaly in it and
keeps no value as JSON. Both then give the same content hash and the same values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from pipelines.amocrm import timestamps
from pipelines.amocrm.content_hash import DATE_TYPES, OPTION_TYPES
from pipelines.amocrm.field_values import NUMBER, NUMBER_TYPES, TEXT_TYPES
from pipelines.amocrm.models import QuickSegment
from pipelines.amocrm.row_parser import INT64_RANGE
from pipelines.amocrm.segment_row import Entry, SegmentRow
from pipelines.base.copy_text import NULL, escape

Value: TypeAlias = str | int | bool | None

_MAX_NUMBER_LENGTH: Final = 100
"""Longer numbers are checked against Postgres' limits by the careful reader."""
_ENCODER: Final = msgspec.json.Encoder()
_ESCAPED: Final = re.compile(r'\\(["\\])')
_FIELD_ID: Final = attrgetter("field_id")


class _Unusual(Exception):
    """The careful reader has to read the row."""


def read_segment(row: SegmentRow, account_id: int, timezone: ZoneInfo) -> QuickSegment | None:
    """Read a row; None if the careful reader has to."""
    fields = row.fields
    created_at, updated_at = map(timestamps.parse_unix_seconds, (fields.created_at, fields.updated_at))
    entries = sorted(fields.custom_fields_values or (), key=_FIELD_ID)
    if fields.account_id != account_id or created_at is None or updated_at is None:
        return None
    if len({entry.field_id for entry in entries}) < len(entries):
        return None
    value_lines: list[str] = []
    try:
        contents = [_read_entry(entry, timezone, value_lines) for entry in entries]
    except _Unusual:
        return None
    prices = sorted(fields.available_products_price_types or ())
    bonus_points = {
        "bonus_points_conversion_rate": fields.bonus_points_conversion_rate,
        "bonus_points_max_discount": fields.bonus_points_max_discount,
    }
    head: dict[str, Any] = {key: value for key, value in bonus_points.items() if value is not UNSET}
    head |= {"color": fields.color, "created_at": fields.created_at, "name": fields.name}
    return QuickSegment(
        id=fields.id,
        name=fields.name,
        color=fields.color,
        created_at=created_at,
        updated_at=updated_at,
        customers_count=fields.customers_count,
        price_field_ids=tuple(sorted(set(prices))),
        value_lines=tuple(value_lines),
        bonus_points_conversion_rate=_to_decimal(fields.bonus_points_conversion_rate),
        bonus_points_max_discount=_to_decimal(fields.bonus_points_max_discount),
        content_hash=_hash([head, prices, [], list(filter(None, contents))]),
    )


def _to_decimal(value: int | UnsetType | None) -> Decimal | None:
    return Decimal(value) if isinstance(value, int) else None


def _read_entry(entry: Entry, timezone: ZoneInfo, lines: list[str]) -> list[Any] | None:
    """Append a line per value, and return what ``content_hash`` hashes of the entry; None if it has no values."""
    field_id, field_type, items = entry.field_id, entry.field_type, entry.values
    if field_type in OPTION_TYPES:
        chosen: list[Any] = [item.enum_id for item in items]
        if None in chosen or UNSET in chosen:
            raise _Unusual
        chosen.sort()
        tail = "\t".join([NULL] * 5)
        lines += [f"{field_id}\t{n}\t{field_type}\t{tail}\t{option}\t{NULL}" for n, option in enumerate(chosen)]
        return [field_id, field_type, chosen, [], {}] if items else None
    if field_type not in _COLUMNS:
        raise _Unusual
    before, format_value, after = _COLUMNS[field_type]
    for position, item in enumerate(items):
        if item.enum_code not in _ABSENT or item.enum_id not in _ABSENT:
            raise _Unusual
        text = format_value(item.value, timezone)
        if text is None:
            raise _Unusual
        lines.append(f"{field_id}\t{position}\t{field_type}{before}{text}{after}")
    if not items:
        return None
    content = [field_id, field_type, items, {}]
    return [*content, timezone.key] if field_type in DATE_TYPES else content


_ABSENT: Final = (UNSET, None)


def _format_text(value: Value, _: ZoneInfo) -> str | None:
    return escape(value) if isinstance(value, str) else None


def _format_number(value: Value, _: ZoneInfo) -> str | None:
    if type(value) is int and value in INT64_RANGE:
        return str(value)
    if isinstance(value, str) and len(value) <= _MAX_NUMBER_LENGTH and NUMBER.fullmatch(value):
        return str(Decimal(value))
    return None


def _format_boolean(value: Value, _: ZoneInfo) -> str | None:
    return str(value) if isinstance(value, bool) else None


@lru_cache(maxsize=10_000)
def _format_midnight(value: int, timezone: ZoneInfo) -> str | None:
    return str(timestamps.parse_day(value, timezone)) if timestamps.is_midnight(value, timezone) else None


def _format_date(value: Value, timezone: ZoneInfo) -> str | None:
    return _format_midnight(value, timezone) if type(value) is int else None


def _format_instant(value: Value, _: ZoneInfo) -> str | None:
    instant = timestamps.parse_unix_seconds(value)
    return None if instant is None else str(instant)


def _column(index: int, format_value: Callable[[Any, ZoneInfo], str | None]) -> tuple[str, Any, str]:
    """Return what surrounds a value in the column at ``index`` of the seven typed ones."""
    return f"\t{NULL}" * index + "\t", format_value, f"\t{NULL}" * (6 - index)


_COLUMNS: Final[Mapping[str, tuple[str, Callable[[Any, ZoneInfo], str | None], str]]] = {
    **dict.fromkeys(TEXT_TYPES, _column(0, _format_text)),
    **dict.fromkeys(NUMBER_TYPES, _column(1, _format_number)),
    "checkbox": _column(2, _format_boolean),
    **dict.fromkeys(DATE_TYPES, _column(3, _format_date)),
    "date_time": _column(4, _format_instant),
}
"""Text before a value, its format, and the text after it, by a field's type. Column 5 is the option."""


def _hash(content: Any) -> bytes:
    """Hash as ``content_hash`` does: keys are sorted already, and all but printable ASCII is escaped."""
    text = _ENCODER.encode(content).decode()
    if not text.isascii() or "\x7f" in text:
        quoted = encode_basestring_ascii(text)[1:-1]
        text = _ESCAPED.sub(r"\1", quoted) if "\\" in text else quoted.replace(r"\"", '"')
    return sha256(text.encode("ascii")).digest()
