"""Format changes of an account as sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from pipelines.base.text import display_name, join_names, to_single_line
from pipelines.warehouse.changes import Change

MAX_NAMED_ENTITIES: Final = 3
"""Entities named individually; if more were added or deleted at once, the sentence gives their
number."""

CHANGE_PHRASES: Final = {
    "added": "added",
    "returned": "came back",
    "deleted": "deleted",
    "mode_on": "came back with the account's mode",
    "mode_off": "ended with the account's mode",
}

MODE_CHANGES: Final = ("mode_on", "mode_off")
"""Changes that affect all entities of a mode together, and make one sentence."""

UNQUOTED_VALUE: Final = re.compile(r"[-\u2212+.,:/\s\d]+(?:[ap]m|t[\d:.+-]+)?|true|false", re.IGNORECASE)
"""Values without quotes: numbers, dates, times and booleans."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSentence:
    """A sentence without its full stop, such as "segment 'VIP' renamed to 'VIP club'".

    The change happened between the previous snapshot and ``observed_at``.
    """

    observed_at: datetime
    text: str


def describe_changes(changes: Iterable[Change]) -> list[ChangeSentence]:
    """Describe the changes in the given order.

    Entities of one kind added or deleted together make one sentence.
    """
    groups = groupby(changes, key=lambda row: (row.observed_at, row.thing, row.change))
    return [
        ChangeSentence(observed_at=observed_at, text=text)
        for (observed_at, thing, change), group in groups
        for text in _group_sentences(thing, change, list(group))
    ]


def _group_sentences(thing: str, change: str, rows: list[Change]) -> Iterator[str]:
    """Describe changes of the same kind in one snapshot."""
    if change == "changed":
        yield from map(_edit_sentence, rows)
    elif len(rows) == 1 or (len(rows) <= MAX_NAMED_ENTITIES and change not in MODE_CHANGES):
        yield from (f"{_entity_label(row)} {CHANGE_PHRASES[change]}" for row in rows)
    else:
        names = [_quote_name(row.thing_name) or str(row.thing_id) for row in rows]
        yield f"{len(rows)} {thing}s {CHANGE_PHRASES[change]}: {join_names(names, MAX_NAMED_ENTITIES)}"


def _edit_sentence(row: Change) -> str:
    """Describe a changed property."""
    old, new = to_single_line(row.old_text or ""), to_single_line(row.new_text or "")
    match row.property:
        case "name":
            return f"{row.thing} {_quote_name(old) or row.thing_id} renamed to {_quote_name(new) or 'nothing'}"
        case "conditions":
            return f"{row.thing} rule edited: {_quote_name(row.thing_name) or row.thing_id}"
        case "sort":
            return f"{_entity_label(row)} moved from position {old or 'none'} to {new or 'none'}"
        case "price_field_ids":
            subject = f"price fields of {_entity_label(row)}"
            old, new = old or "none", new or "none"
        case "field_value":
            subject = f"{_quote_name(row.value_field_name) or 'a field'} of {_entity_label(row)}"
            if old == new:
                return f"{subject} changed"
            old, new = _quote_value(old), _quote_value(new)
        case other:
            subject = f"{(other or 'something').replace('_', ' ')} of {_entity_label(row)}"
    if old and new:
        return f"{subject} changed from {old} to {new}" if old != new else f"{subject} changed"
    return f"{subject} set to {new}" if new else f"{subject} cleared, was {old}" if old else f"{subject} changed"


def _quote_value(text: str) -> str:
    """Quote a field's value, unless it is a number, date, time or boolean."""
    return text if not text or UNQUOTED_VALUE.fullmatch(text) else f"“{text}”"


def _entity_label(row: Change) -> str:
    return f"{row.thing} {_quote_name(row.thing_name) or row.thing_id}"


def _quote_name(name: str | None) -> str:
    """Quote a name; empty if there is none."""
    text = display_name(name)
    return f"'{text}'" if text else ""
