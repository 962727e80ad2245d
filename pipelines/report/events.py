"""Events of a segment or account as dated sentences: changes, jumps of sizes, and gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from pipelines.base.text import display_name, format_duration, to_single_line
from pipelines.report.change_sentences import MAX_NAMED_ENTITIES, describe_changes
from pipelines.report.failure_words import describe_failures
from pipelines.report.figures import Figures, Gap, Jump
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change

EventKind = Literal["change", "jump", "gap"]

MIN_REPEATS_TO_COLLAPSE: Final = 4
"""A property that changed at least this often is listed once, with its last change."""

DAY_SECONDS: Final = 86_400

ISO_DATE_OR_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d)?")
"""Date or timestamp as the views format it."""

MAX_CONTEXT_LENGTH: Final = 200
"""Characters for the changes around a jump."""

CONTEXT_TEMPLATE: Final = "Changed around that time: {}."
NO_CONTEXT: Final = (
    "amoCRM shows no change of this segment, of fields or of the account around that time, and no segment that came or "
    "went."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A sentence about an event, with the time of the snapshot that first showed it."""

    at: datetime
    date: date  # the account's day
    kind: EventKind
    text: str


def timeline_events(figures: Figures, formats: Formats) -> list[Event]:
    """List all events of the account, latest first."""
    collected = [
        *change_events(figures.changes, formats),
        *(gap_event(gap, formats) for gap in figures.gaps),
        *_jump_events(figures.jumps, formats),
    ]
    return sorted(collected, key=lambda event: (event.date, event.at), reverse=True)


def events_by_segment(figures: Figures, formats: Formats) -> dict[int, list[Event]]:
    """List the events of each segment by id, oldest first."""
    changes: dict[int, list[Change]] = {}
    for change in figures.changes:
        if change.thing == "segment":
            changes.setdefault(change.thing_id, []).append(change)
    collected = {
        segment_id: list(change_events(segment_changes, formats)) for segment_id, segment_changes in changes.items()
    }
    jump_counts = Counter(jump.observed_date for jump in figures.jumps)
    for jump in figures.jumps:
        direction = "Jumped up" if jump.change_count > 0 else "Dropped"
        delta, size = formats.number(abs(jump.change_count)), formats.number(jump.last_count)
        text = f"{direction} by {delta} to {size}{_format_usual_change(jump, formats)}. {_describe_jump_context(jump)}"
        text += _describe_other_jumps(jump_counts[jump.observed_date] - 1)
        event = Event(at=jump.observed_at, date=jump.observed_date, kind="jump", text=text)
        collected.setdefault(jump.segment_id, []).append(event)
    return {
        segment_id: sorted(events, key=lambda item: (item.date, item.at)) for segment_id, events in collected.items()
    }


def shared_events(figures: Figures, formats: Formats) -> list[Event]:
    """List events that concern all segments, oldest first.

    These are changes of the account, its fields and their options, and gaps of at least a day.
    """
    shared_changes = [change for change in figures.changes if change.thing in ("account", "field", "option")]
    gaps = [gap for gap in figures.gaps if gap.gap_seconds >= DAY_SECONDS]
    collected = [*change_events(shared_changes, formats), *(gap_event(gap, formats) for gap in gaps)]
    return sorted(collected, key=lambda event: (event.date, event.at))


def describe_gap(gap: Gap) -> str:
    """Describe a gap: its duration, the number of missing loads, and their errors if known."""
    missed = "one load is missing" if gap.missed_count == 1 else f"{gap.missed_count} loads are missing"
    ongoing_note = "" if gap.until_at else " so far"
    cause = f": {to_single_line(describe_failures(gap.errors))}" if gap.errors else ", no failure was recorded"
    return f"No data for {format_duration(gap.gap_seconds)}{ongoing_note}; {missed}{cause}."


def change_events(changes: Iterable[Change], formats: Formats) -> Iterator[Event]:
    """Describe the changes in the given order; a frequently repeated one is listed once, with its count."""
    rows = list(changes)
    counts = Counter(map(property_key, rows))
    collected = set()
    single, repeated = [], []
    for row in rows:
        if row.property is None or counts[property_key(row)] < MIN_REPEATS_TO_COLLAPSE:
            single.append(localize_values(row, formats))
        elif property_key(row) not in collected:
            collected.add(property_key(row))
            repeated.append((localize_values(row, formats), counts[property_key(row)]))
    sentences = [(item, "") for item in describe_changes(single)]
    sentences += [(item, f", the last of {count} times") for row, count in repeated for item in describe_changes([row])]
    for item, repeat_note in sentences:
        text = f"{item.text[:1].upper()}{item.text[1:]}{repeat_note}"
        text = text if text.rstrip("”").endswith((".", "!", "?", "…")) else f"{text}."
        yield Event(at=item.observed_at, date=formats.day_of(item.observed_at), kind="change", text=text)


def property_key(change: Change) -> Hashable:
    """Return the key that all changes of one property of an entity share."""
    return change.thing, change.thing_id, change.property, change.value_field_name


def localize_values(change: Change, formats: Formats) -> Change:
    """Format dates and timestamps among the change's values for the account's locale."""
    return replace(change, old_text=_localize(change.old_text, formats), new_text=_localize(change.new_text, formats))


def _localize(text: str | None, formats: Formats) -> str | None:
    if text is None or not ISO_DATE_OR_TIMESTAMP.fullmatch(text):
        return text
    try:
        return formats.timestamp(datetime.fromisoformat(text)) if "T" in text else formats.day(date.fromisoformat(text))
    except (ValueError, OverflowError):  # not a valid date, or out of Python's range
        return text


def gap_event(gap: Gap, formats: Formats) -> Event:
    """Build the event of a gap."""
    return Event(at=gap.after_at, date=formats.day_of(gap.after_at), kind="gap", text=describe_gap(gap))


def _jump_events(jumps: Iterable[Jump], formats: Formats) -> Iterator[Event]:
    """Yield one event per day with jumps."""
    for day, group in groupby(jumps, key=attrgetter("observed_date")):
        day_jumps = list(group)
        names = "; ".join(
            f"'{display_name(jump.name, jump.segment_id)}' {formats.signed(jump.change_count)}"
            + _format_usual_change(jump, formats)
            for jump in day_jumps[:MAX_NAMED_ENTITIES]
        )
        more = f"; and {len(day_jumps) - MAX_NAMED_ENTITIES} more" if len(day_jumps) > MAX_NAMED_ENTITIES else ""
        subject = "A segment's size" if len(day_jumps) == 1 else f"The sizes of {len(day_jumps)} segments"
        context = f" {_describe_jump_context(day_jumps[0])}" if len(day_jumps) == 1 else ""
        text = f"{subject} changed unusually: {names}{more}.{context}"
        yield Event(at=day_jumps[0].observed_at, date=day, kind="jump", text=text)


def _format_usual_change(jump: Jump, formats: Formats) -> str:
    return f" (usual: {formats.signed(jump.usual_change_count.normalize())})"


def _describe_other_jumps(count: int) -> str:
    """Say how many other segments jumped on the same day: then the cause probably concerns the account."""
    if not count:
        return ""
    return f" {count} other segment{'s' if count > 1 else ''} jumped on that day."


def _describe_jump_context(jump: Jump) -> str:
    """Describe what else changed around a jump, and days without a size before it."""
    context = (
        CONTEXT_TEMPLATE.format(to_single_line(jump.changed_things, MAX_CONTEXT_LENGTH))
        if jump.changed_things
        else NO_CONTEXT
    )
    days = "day" if jump.missed_days == 1 else "days"
    return f"After {jump.missed_days} {days} without its size. {context}" if jump.missed_days else context
