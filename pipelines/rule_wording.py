"""A stage's rules in words, as far as words go: structure as it was received, no meaning claimed."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.amocrm.records import Json
from pipelines.wording import clean

BETWEEN_GROUPS = " | "
BETWEEN_RULES = ", "


def rules_in_words(conditions: Json) -> str:
    """'after_purchase 21 | tag Regular, Club': rules by their type and what they compare with; groups between bars."""
    groups = (BETWEEN_RULES.join(map(_rule, _each(group))) for group in _each(conditions))
    return clean(BETWEEN_GROUPS.join(filter(None, groups)), longest=200)


def _each(value: Json) -> Iterator[Json]:
    """What a list holds; a thing where a list belongs is one of its kind."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def _rule(rule: Json) -> str:
    """Its type, and the names of what it is about, or else what it compares with."""
    if not isinstance(rule, dict):
        return f"rule {_value(rule)}".rstrip()
    names = [item["name"] for item in _each(rule.get("conditions")) if isinstance(item, dict) and item.get("name")]
    match = rule.get("match")
    value = names or (match.get("value") if isinstance(match, dict) else match)
    kind = str(rule.get("type") or "rule").replace("_", " ")
    return f"{kind} {_value(value)}".rstrip()


def _value(value: Json) -> str:
    match value:
        case None:
            return ""
        case list():
            return ", ".join(map(_value, value))
        case dict():
            return "…"
        case _:
            return str(value)
