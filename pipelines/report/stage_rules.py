"""Text of a stage's rules and type on a line of its own, from the English words that the views have.

``analytics.conditions_text`` makes the words: rules of a group with semicolons, groups with bars.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import partial, reduce
from typing import Final

from pipelines.amocrm.models import Json
from pipelines.base.language import ENGLISH, Language, gettext_noop
from pipelines.base.text import to_single_line

SEPARATOR: Final = re.compile(r"(; | \| )")
MAX_LENGTH: Final = 200

RULE_KINDS: Final[Mapping[str, str]] = {
    "after purchase": gettext_noop("after purchase"),
    "after today": gettext_noop("after today"),
    "before purchase": gettext_noop("before purchase"),
    "rule": gettext_noop("rule"),
    "tag": gettext_noop("tag"),
}

STAGE_TYPES: Final[Mapping[str, str]] = {
    "regular": gettext_noop("regular"),
    "expected purchase": gettext_noop("expected purchase"),
    "did not purchase": gettext_noop("did not purchase"),
    "closed (or expected purchase)": gettext_noop("closed (or expected purchase)"),
    "recently purchased": gettext_noop("recently purchased"),
}

_DAYS: Final = re.compile(r"(-?\d{1,9}) days?")


def translate_type(text: str | None, language: Language) -> str:
    """Translate the name of a stage's type."""
    return language.gettext(STAGE_TYPES[text]) if text and text in STAGE_TYPES else text or ""


def describe_rules(text: str | None, language: Language = ENGLISH, conditions: Json = None) -> str:
    """Describe all rules of a stage, such as "after purchase: 21 days | tag: Regular or Club".

    ``conditions`` are the rules as received.
    """
    parts = SEPARATOR.split(translate_tags(text or "", conditions, language))
    return to_single_line("".join(_translate_rule(part, language) for part in parts), MAX_LENGTH)


def describe_rule_edit(old_text: str | None, new_text: str | None, language: Language = ENGLISH) -> str:
    """Describe the rules that were edited, such as "after purchase: 14 → 21 days"; empty if none was."""
    old, new = _split_rules(old_text), _split_rules(new_text)
    removed, added = list((old - new).elements()), list((new - old).elements())
    if len(removed) == len(added) == 1:
        return to_single_line(_describe_replacement(removed[0], added[0], language), MAX_LENGTH)
    parts = [language.gettext("removed %(rule)s", rule=_translate_rule(rule, language)) for rule in removed]
    parts += [language.gettext("added %(rule)s", rule=_translate_rule(rule, language)) for rule in added]
    return to_single_line("; ".join(parts), MAX_LENGTH)


def translate_tags(text: str, conditions: Json, language: Language) -> str:
    """Translate the words between tags, which ``conditions``, the rules as received, tell from tags' names."""
    groups = conditions if isinstance(conditions, list) else []
    for rule in (rule for group in groups for rule in (group if isinstance(group, list) else [group])):
        match rule:
            case {"conditions": [{"name": str(first)}, *others], "match": {"logic": "and" | "or" as logic}}:
                names = [first, *(str(one["name"]) for one in others if isinstance(one, dict) and one.get("name"))]
                text = text.replace(f" {logic} ".join(names), reduce(partial(_join_tags, logic, language), names))
    return text


def _join_tags(logic: str, language: Language, first: str, second: str) -> str:
    if logic == "and":
        return language.gettext("%(first)s and %(second)s", first=first, second=second)
    return language.gettext("%(first)s or %(second)s", first=first, second=second)


def _split_rules(text: str | None) -> Counter[str]:
    return Counter(SEPARATOR.split(text)[::2] if text else ())


def _describe_replacement(old: str, new: str, language: Language) -> str:
    """Name the kind and the unit once if both rules have the same."""
    kind, separator, old_value = old.partition(": ")
    new_kind, _, new_value = new.partition(": ")
    if not separator or new_kind != kind:
        return f"{_translate_rule(old, language)} → {_translate_rule(new, language)}"
    has_same_unit = old_value.endswith(" days") and new_value.endswith(" days")
    shown = old_value.removesuffix(" days") if has_same_unit else _translate_value(old_value, language)
    return f"{_translate_kind(kind, language)}: {shown} → {_translate_value(new_value, language)}"


def _translate_rule(rule: str, language: Language) -> str:
    kind, separator, value = rule.partition(": ")
    return _translate_kind(kind, language) + separator + _translate_value(value, language)


def _translate_kind(kind: str, language: Language) -> str:
    return language.gettext(RULE_KINDS[kind]) if kind in RULE_KINDS else kind


def _translate_value(value: str, language: Language) -> str:
    """Translate a number of days. Words between tags stay, since a tag's own name may contain them."""
    days = _DAYS.fullmatch(value)
    return language.ngettext("%(count)s day", "%(count)s days", int(days[1]), count=days[1]) if days else value
