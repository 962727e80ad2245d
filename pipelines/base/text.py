"""Text for messages: single lines, lists of names, durations."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

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


def join_names(names: Sequence[str], max_names: int = MAX_NAMES) -> str:
    """Join names with commas; the rest beyond ``max_names`` becomes a count: 'a, b and 7 more'."""
    hidden_count = len(names) - max_names
    return ", ".join(names[:max_names]) + (f" and {hidden_count:,} more" if hidden_count > 0 else "")


def visible_character(character: str) -> str:
    """Replace line breaks and control characters by a space, and remove invisible characters."""
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf" | "Cs" if character != ZERO_WIDTH_JOINER:
            return ""
        case _:
            return character


def format_duration(seconds: float) -> str:
    """Format a duration in its two largest units, such as '2 days 18 h'."""
    minutes = max(round(seconds / 60), 0)
    days, hours, minutes_left = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes_left} min"] if minutes_left and not days else []
    return " ".join(parts) or "less than a minute"
