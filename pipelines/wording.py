"""What changed, in words: rows of ``analytics.changes`` as short sentences. Nothing is read or compared here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from pipelines.amocrm.records import Json

LONGEST_NAME: Final = 60
"""Characters of a name or value that a sentence shows."""

MOST_NAMES: Final = 3
"""Things named one by one; where more came or went at once, they are counted."""

ZERO_WIDTH_JOINER: Final = "\u200d"  # holds emoji together


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row of ``analytics.changes``; its columns' comments say what they mean. Options stand by their labels."""

    observed_at: datetime
    previous_observed_at: datetime
    thing: str
    thing_id: int
    thing_name: str | None
    change: str
    property: str | None
    value_field_name: str | None
    old_value: Json
    new_value: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """A sentence without its full stop, such as "segment 'VIP' renamed to 'VIP club'".

    What it tells of happened after the snapshot before and not after ``observed_at``.
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


def _sentences(thing: str, change: str, rows: list[Change]) -> Iterator[str]:
    if change == "changed":
        yield from map(_edit, rows)
        return
    happened = {
        "added": "added",
        "returned": "came back",
        "deleted": "deleted",
        "mode_on": "came back with the account's mode",
        "mode_off": "ended with the account's mode",
    }[change]
    if len(rows) <= MOST_NAMES:
        yield from (f"{_named(row)} {happened}" for row in rows)
    else:
        names = ", ".join(_quoted(row.thing_name) or str(row.thing_id) for row in rows[:MOST_NAMES])
        yield f"{len(rows)} {thing}s {happened}: {names} and {len(rows) - MOST_NAMES} more"


def _edit(row: Change) -> str:
    """A property that is another now."""
    old, new = shown(row.old_value), shown(row.new_value)
    match row.property:
        case "name":
            before = _quoted(row.old_value) or str(row.thing_id)
            return (
                f"{row.thing} {before} renamed to {_quoted(row.new_value)}"
                if row.new_value
                else f"{row.thing} {before} lost its name"
            )
        case "conditions":
            return f"{row.thing} rule edited: {_quoted(row.thing_name) or row.thing_id}"
        case "sort":
            return f"{_named(row)} moved from position {old or 'none'} to {new or 'none'}"
        case "price_field_ids":
            return f"prices of {_named(row)} changed"
        case "field_value":
            subject = f"{_quoted(row.value_field_name) or 'a field'} of {_named(row)}"
        case _:
            subject = f"{(row.property or '').replace('_', ' ')} of {_named(row)}"
    if not old:
        return f"{subject} set to {new}" if new else f"{subject} changed"
    return f"{subject} changed from {old} to {new}" if new else f"{subject} cleared, was {old}"


def _named(row: Change) -> str:
    return f"{row.thing} {_quoted(row.thing_name) or row.thing_id}"


def _quoted(name: Json) -> str:
    """The name in quotes; nothing where there is none."""
    text = clean(name) if isinstance(name, str) else ""
    return f"'{text}'" if text else ""


def shown(value: Json) -> str:
    """A JSON value for people: texts as they are, lists by their items, objects as an ellipsis; nothing for null."""
    match value:
        case None | [] | {}:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return clean(", ".join(filter(None, map(shown, value))))
        case dict():
            return "…"
        case _:
            return clean(str(value))


def clean(text: str, longest: int = LONGEST_NAME) -> str:
    """One printable line of bounded length, without control characters or marks that turn its direction around."""
    visible = "".join(
        " " if category in ("Cc", "Zl", "Zp") else "" if category in ("Cf", "Cs") and one != ZERO_WIDTH_JOINER else one
        for one, category in ((one, unicodedata.category(one)) for one in text[: longest * 4])
    )
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
