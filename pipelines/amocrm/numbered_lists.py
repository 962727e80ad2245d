"""Lists that arrive as objects with numbered keys, as PHP's ``json_encode`` writes an array with holes."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.amocrm.models import Json


def is_numbered(value: Json) -> bool:
    """Return True for an object whose keys are all whole numbers, such as ``{"0": a, "2": b}``, or for ``{}``."""
    return type(value) is dict and all(key.isascii() and key.isdecimal() for key in value)


def as_list(value: Json) -> Json:
    """Return a numbered object's values in the order of their numbers; any other value as it is."""
    return [value[key] for key in sorted(value, key=_number)] if is_numbered(value) else value


def with_lists(row: dict[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """Return an entity's row with lists instead of numbered objects, and the keys of those lists.

    Only documented lists are converted. In other values an object with numbered keys may be one.
    """
    found: set[str] = set()
    changed = {key: convert(row[key], found) for key, convert in _LISTS.items() if key in row}
    return (row | changed, sorted(found)) if found else (row, [])


def _number(key: str) -> tuple[int, str]:
    """Return a sort key for digits of any length: Python may refuse to convert long ones."""
    digits = key.lstrip("0")
    return len(digits), digits


def _converter(name: str) -> Callable[[Json, set[str]], Json]:
    """Build the converter of a list of scalars or objects."""

    def convert(value: Json, found: set[str]) -> Json:
        if is_numbered(value):
            found.add(name)
        return as_list(value)

    return convert


def _convert_entries(value: Json, found: set[str]) -> Json:
    """Convert ``custom_fields_values`` and the ``values`` of each entry."""
    entries = _converter("custom_fields_values")(value, found)
    if not isinstance(entries, list) or not any(
        isinstance(entry, dict) and is_numbered(entry.get("values")) for entry in entries
    ):
        return entries
    found.add("values")
    return [
        entry | {"values": as_list(entry["values"])} if isinstance(entry, dict) and "values" in entry else entry
        for entry in entries
    ]


def _convert_rules(value: Json, found: set[str]) -> Json:
    """Convert ``conditions`` at every level: groups, rules, and the lists within a rule."""
    value = _converter("conditions")(value, found)
    if isinstance(value, list):
        return [_convert_rules(item, found) for item in value]
    if isinstance(value, dict):
        return {key: _convert_rules(item, found) for key, item in value.items()}
    return value


_LISTS = {
    "available_products_price_types": _converter("available_products_price_types"),
    "conditions": _convert_rules,
    "custom_fields_values": _convert_entries,
    "enums": _converter("enums"),
}
"""Converter by the key of each documented list of a stage, segment or field."""
