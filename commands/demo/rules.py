"""A stage's rules in words, as far as words go: structure as it was received, no meaning claimed."""

from __future__ import annotations

from pipelines.amocrm.records import Json
from pipelines.wording import clean

BETWEEN_GROUPS = " | "
BETWEEN_RULES = ", "


def rules_in_words(conditions: Json) -> str:
    """'after_purchase 21 | tag Regular, Club': rules by their type and what they compare with; groups between bars."""
    groups = (BETWEEN_RULES.join(map(_rule, group)) for group in conditions)
    return clean(BETWEEN_GROUPS.join(filter(None, groups)), longest=200)


def _rule(rule: Json) -> str:
    """Its type, and the names of what it is about, or else what it compares with."""
    about = rule.get("conditions") or []
    names = [item["name"] for item in about if isinstance(item, dict) and item.get("name")]
    match = rule.get("match")
    value = names or (match.get("value") if isinstance(match, dict) else match)
    kind = (rule.get("type") or "rule").replace("_", " ")
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
