"""Lists that arrive as objects with numbered keys, as PHP's ``json_encode`` writes an array with holes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pipelines.amocrm.models import Json


def is_numbered(value: Json) -> bool:
    """Return True for an object whose keys are all PHP's indices, such as ``{"0": a, "2": b}``, and for ``{}``."""
    return type(value) is dict and all(_INDEX.fullmatch(key) for key in value)


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


_INDEX: Final = re.compile(r"0|[1-9][0-9]*")


def _number(key: str) -> tuple[int, str]:
    """Return a sort key for digits of any length: Python may refuse to convert long ones."""
    return len(key), key


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


def _convert_groups(value: Json, found: set[str]) -> Json:
    """Convert ``conditions`` of a stage, their groups, and the ``conditions`` of each rule."""
    convert = _converter("conditions")
    groups = convert(value, found)
    if not isinstance(groups, list):
        return groups
    lists = [convert(group, found) for group in groups]
    return [[_convert_rule(rule, found) for rule in group] if isinstance(group, list) else group for group in lists]


def _convert_rule(rule: Json, found: set[str]) -> Json:
    """Convert the ``conditions`` of a rule; what else it holds is not documented as a list."""
    if not isinstance(rule, dict) or not is_numbered(rule.get("conditions")):
        return rule
    return rule | {"conditions": _converter("conditions")(rule["conditions"], found)}


_FLAT_LISTS: Final = (
    "available_products_price_types",
    "chained_lists",
    "enums",
    "hidden_statuses",
    "nested",
    "required_statuses",
    "triggers",
)

_LISTS = {
    **{name: _converter(name) for name in _FLAT_LISTS},
    "conditions": _convert_groups,
    "custom_fields_values": _convert_entries,
}
"""Converter by the key of each documented list of a stage, segment or field."""
