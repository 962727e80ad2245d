"""Text of a stage's rules on a line of its own, from the words that the views have.

``analytics.conditions_text`` makes the words: rules of a group with semicolons, groups with bars.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from pipelines.base.text import to_single_line

SEPARATOR: Final = re.compile(r"; | \| ")
MAX_LENGTH: Final = 200


def describe_rules(text: str | None) -> str:
    """Describe all rules of a stage, such as "after purchase: 21 days | tag: Regular or Club"."""
    return to_single_line(text or "", MAX_LENGTH)


def describe_rule_edit(old_text: str | None, new_text: str | None) -> str:
    """Describe the rules that were edited, such as "after purchase: 14 → 21 days"; empty if none was."""
    old, new = _split_rules(old_text), _split_rules(new_text)
    removed, added = list((old - new).elements()), list((new - old).elements())
    if len(removed) == len(added) == 1:
        return to_single_line(_describe_replacement(removed[0], added[0]), MAX_LENGTH)
    parts = [f"{verb} {rule}" for verb, rules in (("removed", removed), ("added", added)) for rule in rules]
    return to_single_line("; ".join(parts), MAX_LENGTH)


def _split_rules(text: str | None) -> Counter[str]:
    return Counter(SEPARATOR.split(text) if text else ())


def _describe_replacement(old: str, new: str) -> str:
    """Name the kind and the unit once if both rules have the same."""
    kind, separator, old_value = old.partition(": ")
    new_kind, _, new_value = new.partition(": ")
    if not separator or new_kind != kind:
        return f"{old} → {new}"
    unit = " days" if old_value.endswith(" days") and new_value.endswith(" days") else ""
    return f"{kind}: {old_value.removesuffix(unit)} → {new_value}"
