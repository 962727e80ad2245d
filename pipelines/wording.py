"""Words that messages and reports share: changes as sentences, names, durations. Nothing is read or compared here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

LONGEST: Final = 60
"""Characters of a name or value that a sentence shows."""

MOST_NAMED: Final = 3
"""Things named one by one; where more came or went at once, they are counted."""

HAPPENED: Final = {
    "added": "added",
    "returned": "came back",
    "deleted": "deleted",
    "mode_on": "came back with the account's mode",
    "mode_off": "ended with the account's mode",
}

MOST_LISTED: Final = 20
"""Names of a list in a message, which stays one that can be read where there are thousands."""

OF_THE_MODE: Final = ("mode_on", "mode_off")
"""What happens to all things of a mode together, and is told once."""

PLAIN_VALUE: Final = re.compile(r"[-\u2212+.,:/\s\d]+(?:[ap]m|t[\d:.+-]+)?|true|false", re.IGNORECASE)
"""What needs no quotes: digits and what stands between them."""

ZERO_WIDTH_JOINER: Final = "\u200d"  # holds emoji together


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row of ``analytics.changes``; its columns' comments say what they mean."""

    observed_at: datetime
    previous_observed_at: datetime
    thing: str
    thing_id: int
    thing_name: str | None
    change: str
    property: str | None
    value_field_name: str | None
    old_text: str | None
    new_text: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """A sentence without its full stop, such as "segment 'VIP' renamed to 'VIP club'".

    What it tells of happened after the snapshot before, and not after ``observed_at``.
    """

    observed_at: datetime
    text: str


def news(changes: Iterable[Change]) -> list[News]:
    """The changes in words, in the order given. Things of one kind that came or went together make one sentence."""
    groups = groupby(changes, key=lambda one: (one.observed_at, one.thing, one.change))
    return [
        News(observed_at=observed_at, text=text)
        for (observed_at, thing, change), together in groups
        for text in _sentences(thing, change, list(together))
    ]


def clean(text: str, longest: int = LONGEST) -> str:
    """One printable line of bounded length, without control characters or marks that turn its direction around."""
    visible = "".join(_visible(character) for character in text[: longest * 4])
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def listed(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """The names one after the other; where there are more, how many are left: 'a, b and 7 more'."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left:,} more" if left > 0 else "")


def _visible(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf" | "Cs" if character != ZERO_WIDTH_JOINER:
            return ""
        case _:
            return character


def _sentences(thing: str, change: str, rows: list[Change]) -> Iterator[str]:
    if change == "changed":
        yield from map(_edit, rows)
    elif len(rows) == 1 or (len(rows) <= MOST_NAMED and change not in OF_THE_MODE):
        yield from (f"{_named(row)} {HAPPENED[change]}" for row in rows)
    else:
        names = [_quoted(row.thing_name) or str(row.thing_id) for row in rows]
        yield f"{len(rows)} {thing}s {HAPPENED[change]}: {listed(names, MOST_NAMED)}"


def _edit(row: Change) -> str:
    """A property that is another now."""
    old, new = clean(row.old_text or ""), clean(row.new_text or "")
    match row.property:
        case "name":
            return f"{row.thing} {_quoted(old) or row.thing_id} renamed to {_quoted(new) or 'nothing'}"
        case "conditions":
            return f"{row.thing} rule edited: {_quoted(row.thing_name) or row.thing_id}"
        case "sort":
            return f"{_named(row)} moved from position {old or 'none'} to {new or 'none'}"
        case "price_field_ids":
            return f"prices of {_named(row)} changed"
        case "field_value":
            subject = f"{_quoted(row.value_field_name) or 'a field'} of {_named(row)}"
            if old == new:
                return f"{subject} changed"
            old, new = _as_value(old), _as_value(new)
        case other:
            subject = f"{(other or 'something').replace('_', ' ')} of {_named(row)}"
    if old and new:
        return f"{subject} changed from {old} to {new}" if old != new else f"{subject} changed"
    return f"{subject} set to {new}" if new else f"{subject} cleared, was {old}" if old else f"{subject} changed"


def _as_value(text: str) -> str:
    """What a field holds: in quotes of its own, unless it is a number, a day, an instant, yes or no."""
    return text if not text or PLAIN_VALUE.fullmatch(text) else f"“{text}”"


def _named(row: Change) -> str:
    return f"{row.thing} {_quoted(row.thing_name) or row.thing_id}"


def _quoted(name: str | None) -> str:
    """The name in quotes; nothing where there is none."""
    text = clean(name or "")
    return f"'{text}'" if text else ""


def span(seconds: float) -> str:
    """A duration in its two largest units, such as '2 days 18 h'."""
    minutes = max(round(seconds / 60), 0)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{rest} min"] if rest and not days else []
    return " ".join(parts) or "less than a minute"
