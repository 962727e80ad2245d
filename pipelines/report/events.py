"""What happened, in words and with its day: changes, jumps of sizes and gaps, of a segment and of the whole account."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from pipelines.base.text import format_duration, to_single_line
from pipelines.report.change_sentences import MAX_NAMED_ENTITIES, describe_changes
from pipelines.report.figures import Figures, Gap, Jump
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change

EventKind = Literal["change", "jump", "gap"]

MIN_REPEATS_TO_COLLAPSE: Final = 4
"""A property that changed so many times, or more, is told once, with its last change."""

DAY_SECONDS: Final = 86_400

ISO_DATE_OR_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d)?")
"""A day or an instant as the views write it."""

MAX_CONTEXT_LENGTH: Final = 200
"""Characters that are given to what changed around a jump."""

CONTEXT_TEMPLATE: Final = "Around it changed: {}."
NO_CONTEXT: Final = "Nothing that amoCRM tells of this segment, fields or the account changed around it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A sentence and when it was first seen: what it tells of happened since the snapshot before."""

    at: datetime
    date: date  # the account's day
    kind: EventKind
    text: str


def timeline_events(figures: Figures, formats: Formats) -> list[Event]:
    """All of the account's, the newest first."""
    collected = [
        *change_events(figures.changes, formats),
        *(gap_event(gap, formats) for gap in figures.gaps),
        *_jump_events(figures.jumps, formats),
    ]
    return sorted(collected, key=lambda event: (event.date, event.at), reverse=True)


def events_by_segment(figures: Figures, formats: Formats) -> dict[int, list[Event]]:
    """Those of each segment by its id, the oldest first."""
    changes: dict[int, list[Change]] = {}
    for change in figures.changes:
        if change.thing == "segment":
            changes.setdefault(change.thing_id, []).append(change)
    collected = {
        segment_id: list(change_events(segment_changes, formats)) for segment_id, segment_changes in changes.items()
    }
    for jump in figures.jumps:
        direction = "Jumped up" if jump.change_count > 0 else "Dropped"
        delta, size = formats.number(abs(jump.change_count)), formats.number(jump.last_count)
        text = f"{direction} by {delta} to {size}{_format_usual_change(jump, formats)}. {_describe_jump_context(jump)}"
        event = Event(at=jump.observed_at, date=jump.observed_date, kind="jump", text=text)
        collected.setdefault(jump.segment_id, []).append(event)
    return {
        segment_id: sorted(events, key=lambda item: (item.date, item.at)) for segment_id, events in collected.items()
    }


def shared_events(figures: Figures, formats: Formats) -> list[Event]:
    """Those that concern all segments at once, the oldest first.

    They are changes of the account, of its fields and their options, and gaps of a day and more.
    """
    shared_changes = [change for change in figures.changes if change.thing in ("account", "field", "option")]
    gaps = [gap for gap in figures.gaps if gap.gap_seconds >= DAY_SECONDS]
    collected = [*change_events(shared_changes, formats), *(gap_event(gap, formats) for gap in gaps)]
    return sorted(collected, key=lambda event: (event.date, event.at))


def describe_gap(gap: Gap) -> str:
    """How long nothing was seen, and why as far as it is known."""
    missed = "one load is missing" if gap.missed_count == 1 else f"{gap.missed_count} loads are missing"
    ongoing_note = "" if gap.until_at else " so far"
    cause = f": {to_single_line(gap.errors)}" if gap.errors else ", none was seen to fail"
    return f"Nothing was seen for {format_duration(gap.gap_seconds)}{ongoing_note}; {missed}{cause}."


def change_events(changes: Iterable[Change], formats: Formats) -> Iterator[Event]:
    """The changes in words, in the order given; of one that happens again and again only the last, and how often."""
    rows = list(changes)
    counts = Counter(map(_repeat_key, rows))
    collected = set()
    single, repeated = [], []
    for row in rows:
        if row.property is None or counts[_repeat_key(row)] < MIN_REPEATS_TO_COLLAPSE:
            single.append(localize_values(row, formats))
        elif _repeat_key(row) not in collected:
            collected.add(_repeat_key(row))
            repeated.append((localize_values(row, formats), counts[_repeat_key(row)]))
    sentences = [(item, "") for item in describe_changes(single)]
    sentences += [(item, f", the last of {count} times") for row, count in repeated for item in describe_changes([row])]
    for item, repeat_note in sentences:
        text = f"{item.text[:1].upper()}{item.text[1:]}{repeat_note}"
        text = text if text.rstrip("”").endswith((".", "!", "?", "…")) else f"{text}."
        yield Event(at=item.observed_at, date=formats.day_of(item.observed_at), kind="change", text=text)


def _repeat_key(change: Change) -> Hashable:
    """What makes two changes the same thing happening again."""
    return change.thing, change.thing_id, change.property, change.value_field_name


def localize_values(change: Change, formats: Formats) -> Change:
    """The same with values that are a day or an instant as the account writes them."""
    return replace(change, old_text=_localize(change.old_text, formats), new_text=_localize(change.new_text, formats))


def _localize(text: str | None, formats: Formats) -> str | None:
    if text is None or not ISO_DATE_OR_TIMESTAMP.fullmatch(text):
        return text
    try:
        return formats.timestamp(datetime.fromisoformat(text)) if "T" in text else formats.day(date.fromisoformat(text))
    except (ValueError, OverflowError):  # no such day, or one that no calendar of ours has
        return text


def gap_event(gap: Gap, formats: Formats) -> Event:
    """A gap in words."""
    return Event(at=gap.after_at, date=formats.day_of(gap.after_at), kind="gap", text=describe_gap(gap))


def _jump_events(jumps: Iterable[Jump], formats: Formats) -> Iterator[Event]:
    for day, group in groupby(jumps, key=attrgetter("observed_date")):
        day_jumps = list(group)
        names = "; ".join(
            f"'{to_single_line(jump.name or str(jump.segment_id))}' {formats.signed(jump.change_count)}{_format_usual_change(jump, formats)}"
            for jump in day_jumps[:MAX_NAMED_ENTITIES]
        )
        more = f"; and {len(day_jumps) - MAX_NAMED_ENTITIES} more" if len(day_jumps) > MAX_NAMED_ENTITIES else ""
        subject = "A segment left its" if len(day_jumps) == 1 else f"{len(day_jumps)} segments left their"
        context = f" {_describe_jump_context(day_jumps[0])}" if len(day_jumps) == 1 else ""
        text = f"{subject} own rhythm: {names}{more}.{context}"
        yield Event(at=day_jumps[0].observed_at, date=day, kind="jump", text=text)


def _format_usual_change(jump: Jump, formats: Formats) -> str:
    return f" (usual: {formats.signed(jump.usual_change_count.normalize())})"


def _describe_jump_context(jump: Jump) -> str:
    context = (
        CONTEXT_TEMPLATE.format(to_single_line(jump.changed_things, MAX_CONTEXT_LENGTH))
        if jump.changed_things
        else NO_CONTEXT
    )
    days = "day" if jump.missed_days == 1 else "days"
    return f"After {jump.missed_days} {days} without its size. {context}" if jump.missed_days else context
