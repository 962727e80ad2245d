"""Content hashes of entities: a different hash opens a new version.

A change to a hash function makes a new version of every stored entity, once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any

from pipelines.amocrm.models import Json
from pipelines.amocrm.segment_row import ENTRY_KEYS, ITEM_KEYS
from pipelines.amocrm.validation import InvalidRecord, parse_id

DATE_TYPES = ("date", "birthday")
"""Types whose values are days in the account's timezone."""

OPTION_TYPES = ("select", "multiselect", "radiobutton", "category")
"""Types whose values are options.

Only the option's id counts; label and code are versions of the option.
"""

_EXCLUDED_KEYS = frozenset({"id", "account_id", "_links"})
_EXCLUDED_SEGMENT_KEYS = _EXCLUDED_KEYS | {"customers_count", "updated_at"}
_EXCLUDED_FIELD_KEYS = _EXCLUDED_KEYS | {"enums"}


def segment_hash(row: Mapping[str, Json], timezone: str) -> bytes:
    """Hash a segment without its size, ``updated_at``, and the names, codes and labels of its fields.

    ``null`` and ``[]`` are equal, and the order of price ids and of chosen options does not count.
    ``timezone`` is the account's: the days of date fields depend on it.
    """
    content = {key: value for key, value in row.items() if key not in _EXCLUDED_SEGMENT_KEYS}
    prices = parse_list(content.pop("available_products_price_types", None), "available_products_price_types")
    entries = parse_list(content.pop("custom_fields_values", None), "custom_fields_values")
    ids = [parse_id(price) for price in prices]
    return _hash(
        [
            content,
            sorted(price_id for price_id in ids if price_id is not None),
            [price for price, price_id in zip(prices, ids, strict=True) if price_id is None],
            sorted(filter(None, (_entry_content(entry, timezone) for entry in entries)), key=itemgetter(0)),
        ]
    )


def stage_hash(row: Mapping[str, Json]) -> bytes:
    """Hash a stage with its conditions in order."""
    content = {key: value for key, value in row.items() if key not in _EXCLUDED_KEYS}
    return _hash(content | {"conditions": content.get("conditions") or []})


def field_hash(row: Mapping[str, Json]) -> bytes:
    """Hash a field's definition without its options."""
    return _hash({key: value for key, value in row.items() if key not in _EXCLUDED_FIELD_KEYS})


def option_hash(row: Mapping[str, Json]) -> bytes:
    """Hash one option of a field."""
    return _hash({key: value for key, value in row.items() if key not in _EXCLUDED_KEYS})


def parse_list(value: Json, name: str) -> list[Json]:
    """Return a list that may be null or missing. Raises ``InvalidRecord`` for any other value."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRecord(f"'{name}' is not a list")
    return value


def parse_entry_field_id(entry: Json) -> int:
    """Return the field id of an entry of ``custom_fields_values``.

    Raises ``InvalidRecord`` without one.
    """
    field_id = parse_id(entry.get("field_id")) if isinstance(entry, dict) else None
    if field_id is None:
        raise InvalidRecord("a segment's field value has no usable field id")
    return field_id


def _entry_content(entry: Json, timezone: str) -> list[Any] | None:
    """Return the hashed content of one entry; None if it has no values."""
    field_id = parse_entry_field_id(entry)
    items = parse_list(entry.get("values"), "values")
    unknown = {} if entry.keys() <= ENTRY_KEYS else {key: entry[key] for key in entry.keys() - ENTRY_KEYS}
    if not items and not unknown:
        return None
    field_type = entry.get("field_type")
    if field_type in DATE_TYPES:
        return [field_id, field_type, items, unknown, timezone]
    if field_type not in OPTION_TYPES:
        return [field_id, field_type, items, unknown]
    chosen: list[int] = []
    others: list[Json] = []
    for item in items:
        option_id = parse_id(item.get("enum_id")) if isinstance(item, dict) and item.keys() <= ITEM_KEYS else None
        if option_id is None:
            others.append(item)
        else:
            chosen.append(option_id)
    return [field_id, field_type, sorted(chosen), others, unknown]


def _hash(content: Json) -> bytes:
    return hashlib.sha256(_ENCODER.encode(content).encode("ascii")).digest()


def _encode_decimal(value: Decimal) -> dict[str, str]:
    return {"decimal": str(value)}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_encode_decimal)
