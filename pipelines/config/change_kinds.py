"""Kinds of changes that alerts report, as settings write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipelines.base.errors import SettingsError

CHANGE_KINDS: Final[Mapping[str, str]] = {
    "mode": "the account's customers mode was switched",
    "deleted": "a segment or stage was deleted",
    "added": "a segment or stage was added, or came back",
    "renamed": "a segment or stage was renamed",
    "rules": "a stage's rules were edited",
    "prices": "a segment's price fields or bonus points were edited",
    "details": "anything else of a segment, stage or account, such as a colour or a stage's position",
    "fields": "a custom field, an option or a segment's field value",
}
"""Each kind, and what happened; messages have this order. The query ``unreported_changes`` assigns the kinds."""

DEFAULT_CHANGE_KINDS: Final = frozenset(CHANGE_KINDS) - {"details", "fields"}
"""Kinds that change whom a campaign reaches or what it costs. The others are edited daily in some accounts."""

_EXAMPLE: Final = "Write 'off', 'all', or kinds separated by commas, such as 'deleted, rules'."


def parse_change_kinds(text: object) -> frozenset[str]:
    """Parse ``off``, ``all`` or a list of kinds."""
    words = re.split(r"[\s,]+", text.strip()) if isinstance(text, str) else text
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise SettingsError("this is not a list of kinds of changes.", advice=_EXAMPLE)
    if words in (["off"], []):
        return frozenset()
    if words == ["all"]:
        return frozenset(CHANGE_KINDS)
    unknown = next((word for word in words if word not in CHANGE_KINDS), None)
    if unknown is not None:
        raise SettingsError(
            f"{unknown[:40]!r} is not a kind of change. Known are: {', '.join(CHANGE_KINDS)}.", advice=_EXAMPLE
        )
    return frozenset(words)
