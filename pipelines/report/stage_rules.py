"""Text of a stage's rules.

It mirrors the received structure, since amoCRM does not document the rules' meaning.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.amocrm.models import Json
from pipelines.base.text import to_single_line

GROUP_SEPARATOR = " | "
RULE_SEPARATOR = ", "


def describe_rules(conditions: Json) -> str:
    """Describe rules by type and compared values, groups separated by bars: 'after_purchase 21 | tag Regular, Club'."""
    groups = (RULE_SEPARATOR.join(map(_describe_rule, _iterate(group))) for group in _iterate(conditions))
    return to_single_line(GROUP_SEPARATOR.join(filter(None, groups)), max_length=200)


def _iterate(value: Json) -> Iterator[Json]:
    """Iterate over a list; any other value counts as a list with one item."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def _describe_rule(rule: Json) -> str:
    """Describe a rule by its type and the names of its conditions, or else the value that it compares with."""
    if not isinstance(rule, dict):
        return f"rule {_describe_value(rule)}".rstrip()
    names = [item["name"] for item in _iterate(rule.get("conditions")) if isinstance(item, dict) and item.get("name")]
    match = rule.get("match")
    value = names or (match.get("value") if isinstance(match, dict) else match)
    kind = str(rule.get("type") or "rule").replace("_", " ")
    return f"{kind} {_describe_value(value)}".rstrip()


def _describe_value(value: Json) -> str:
    """Describe a value that a rule compares with; an object's contents are left out."""
    match value:
        case None:
            return ""
        case list():
            return ", ".join(map(_describe_value, value))
        case dict():
            return "…"
        case _:
            return str(value)
