"""Text for messages: single lines, lists of names, durations."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from pipelines.base.language import ENGLISH, Language

MAX_TEXT_LENGTH: Final = 60
"""Characters of a name or value that a sentence shows."""

MAX_NAMES: Final = 20
"""Names that a message lists before it says 'and 980 more'."""

ZERO_WIDTH_JOINER: Final = "\u200d"  # holds emoji together


def to_single_line(text: str, max_length: int = MAX_TEXT_LENGTH) -> str:
    """Return one printable line of bounded length, without control characters and bidirectional marks."""
    visible = "".join(map(visible_character, text[: max_length * 4]))
    line = " ".join(visible.split())
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"


def display_name(name: str | None, fallback: object = "", max_length: int = MAX_TEXT_LENGTH) -> str:
    """Return a name as one printable line, or the fallback, such as its id, if nothing of it is visible."""
    return to_single_line(name or "", max_length) or f"{fallback}"


def join_names(names: Sequence[str], max_names: int = MAX_NAMES, language: Language = ENGLISH) -> str:
    """Join names with commas; the rest beyond ``max_names`` becomes a count: 'a, b and 7 more'."""
    shown, hidden_count = ", ".join(names[:max_names]), len(names) - max_names
    if hidden_count <= 0:
        return shown
    return language.ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", hidden_count, names=shown)


def visible_character(character: str) -> str:
    """Replace line breaks and control characters by a space, and remove invisible characters."""
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf" | "Cs" if character != ZERO_WIDTH_JOINER:
            return ""
        case _:
            return character


def format_duration(seconds: float, language: Language = ENGLISH) -> str:
    """Format a duration in its two largest units, such as '2 days 18 h'."""
    minutes = max(round(seconds / 60), 0)
    days, hours, minutes_left = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [language.ngettext("%(count)s day", "%(count)s days", days)] if days else []
    parts += [language.gettext("%(count)s h", count=hours)] if hours else []
    parts += [language.gettext("%(count)s min", count=minutes_left)] if minutes_left and not days else []
    return " ".join(parts) or language.gettext("less than a minute")
