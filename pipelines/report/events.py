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

from pipelines.base.language import Language
from pipelines.base.text import format_duration, to_single_line
from pipelines.report.change_sentences import describe_changes
from pipelines.report.failure_words import describe_failures
from pipelines.report.figures import Figures, Gap
from pipelines.report.formats import Formats
from pipelines.report.jump_sentences import describe_jump, describe_jumps
from pipelines.report.jumps import Jump
from pipelines.warehouse.changes import Change

EventKind = Literal["change", "jump", "gap"]

MIN_REPEATS_TO_COLLAPSE: Final = 4
"""A property that changed at least this often is listed once, with its last change."""

MAX_EXPLAINED_JUMPS: Final = 2
"""Jumps of a segment or stage, the latest, with who came and went; the view ``jump_flows`` has all."""

DAY_SECONDS: Final = 86_400

ISO_DATE_OR_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d)?")
"""Date or timestamp as the views format it."""


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


def events_by_place(figures: Figures, place: str, formats: Formats) -> dict[int, list[Event]]:
    """List the events of each segment, or stage, by id, oldest first."""
    collected: dict[int, list[Event]] = {}
    for entity_id, rows in _group_changes(figures.changes, place).items():
        collected[entity_id] = list(change_events(rows, formats))
    jumps = [jump for jump in figures.jumps if jump.place == place]
    counts = Counter(jump.observed_date for jump in jumps)
    explained: Counter[int] = Counter()
    for jump in jumps:
        explained[jump.place_id] += 1
        with_flows = explained[jump.place_id] <= MAX_EXPLAINED_JUMPS
        text = describe_jump(jump, counts[jump.observed_date] - 1, formats, with_flows=with_flows)
        event = Event(at=jump.observed_at, date=jump.observed_date, kind="jump", text=text)
        collected.setdefault(jump.place_id, []).append(event)
    return {entity_id: sorted(events, key=lambda item: (item.date, item.at)) for entity_id, events in collected.items()}


def _group_changes(changes: Iterable[Change], thing: str) -> dict[int, list[Change]]:
    """Group the changes of one kind of entity by id."""
    by_id: dict[int, list[Change]] = {}
    for change in changes:
        if change.thing == thing:
            by_id.setdefault(change.thing_id, []).append(change)
    return by_id


def shared_events(figures: Figures, formats: Formats) -> list[Event]:
    """List events that concern all segments and stages, oldest first.

    These are changes of the account, its fields and their options, and gaps of at least a day.
    """
    shared_changes = [change for change in figures.changes if change.thing in ("account", "field", "option")]
    gaps = [gap for gap in figures.gaps if gap.gap_seconds >= DAY_SECONDS]
    collected = [*change_events(shared_changes, formats), *(gap_event(gap, formats) for gap in gaps)]
    return sorted(collected, key=lambda event: (event.date, event.at))


def describe_gap(gap: Gap, language: Language) -> str:
    """Describe a gap: its duration, the number of missing loads, and their errors if known."""
    duration = format_duration(gap.gap_seconds, language)
    if not gap.until_at:
        duration = language.gettext("%(duration)s so far", duration=duration)
    if not gap.errors:
        return language.ngettext(
            "No data for %(duration)s; %(count)s load is missing, no failure was recorded.",
            "No data for %(duration)s; %(count)s loads are missing, no failure was recorded.",
            gap.missed_count,
            duration=duration,
        )
    return language.ngettext(
        "No data for %(duration)s; %(count)s load is missing: %(errors)s.",
        "No data for %(duration)s; %(count)s loads are missing: %(errors)s.",
        gap.missed_count,
        duration=duration,
        errors=to_single_line(describe_failures(gap.errors, language)),
    )


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
    language = formats.language
    sentences = [(item, item.text) for item in describe_changes(single, language)]
    sentences += [
        (
            item,
            language.ngettext(
                "%(change)s, the last of %(count)s time",
                "%(change)s, the last of %(count)s times",
                count,
                change=item.text,
            ),
        )
        for row, count in repeated
        for item in describe_changes([row], language)
    ]
    for item, sentence in sentences:
        text = f"{sentence[:1].upper()}{sentence[1:]}"
        text = text if text.rstrip("”»").endswith((".", "!", "?", "…")) else f"{text}."
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
    return Event(
        at=gap.after_at, date=formats.day_of(gap.after_at), kind="gap", text=describe_gap(gap, formats.language)
    )


def _jump_events(jumps: Iterable[Jump], formats: Formats) -> Iterator[Event]:
    """Yield one event per day with jumps, of segments and of stages each."""
    ordered = sorted(jumps, key=lambda jump: (jump.observed_date, jump.place), reverse=True)  # stable
    for (day, _), group in groupby(ordered, key=attrgetter("observed_date", "place")):
        day_jumps = list(group)
        yield Event(at=day_jumps[0].observed_at, date=day, kind="jump", text=describe_jumps(day_jumps, formats))
