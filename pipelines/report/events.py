"""Events of a segment or account as dated sentences: changes, jumps of sizes, and gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from pipelines.base.language import Language, gettext_noop
from pipelines.base.text import display_name, format_duration, to_single_line
from pipelines.report.change_sentences import MAX_NAMED_ENTITIES, describe_changes, entity_label, quote_name
from pipelines.report.entity_sentences import OTHER_SEGMENTS
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

NO_CONTEXT: Final = gettext_noop(
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
    collected = _changes_by_id(figures.changes, "segment", formats)
    jump_counts = Counter(jump.observed_date for jump in figures.jumps)
    for jump in figures.jumps:
        sentences = [_describe_jump(jump, formats), _describe_jump_context(jump, formats.language)]
        others_count = jump_counts[jump.observed_date] - 1
        if others_count:  # then the cause probably concerns the account
            sentences.append(
                formats.language.ngettext(
                    "%(count)s other segment jumped on that day.",
                    "%(count)s other segments jumped on that day.",
                    others_count,
                )
            )
        text = " ".join(sentences)
        event = Event(at=jump.observed_at, date=jump.observed_date, kind="jump", text=text)
        collected.setdefault(jump.segment_id, []).append(event)
    return _sort_events(collected)


def events_by_stage(figures: Figures, formats: Formats) -> dict[int, list[Event]]:
    """List the changes of each stage by id, oldest first."""
    return _sort_events(_changes_by_id(figures.changes, "stage", formats))


def _changes_by_id(changes: Iterable[Change], thing: str, formats: Formats) -> dict[int, list[Event]]:
    by_id: dict[int, list[Change]] = {}
    for change in changes:
        if change.thing == thing:
            by_id.setdefault(change.thing_id, []).append(change)
    return {entity_id: list(change_events(rows, formats)) for entity_id, rows in by_id.items()}


def _sort_events(by_id: dict[int, list[Event]]) -> dict[int, list[Event]]:
    return {entity_id: sorted(events, key=lambda item: (item.date, item.at)) for entity_id, events in by_id.items()}


def shared_events(figures: Figures, formats: Formats) -> list[Event]:
    """List events that concern all segments, oldest first.

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
    """Yield one event per day with jumps."""
    language = formats.language
    for day, group in groupby(jumps, key=attrgetter("observed_date")):
        day_jumps = list(group)
        names = [
            language.gettext(
                "'%(name)s' %(change)s (usual: %(usual)s)",
                name=display_name(jump.name, jump.segment_id),
                change=formats.signed(jump.change_count),
                usual=_usual_change(jump, formats),
            )
            for jump in day_jumps[:MAX_NAMED_ENTITIES]
        ]
        hidden_count = len(day_jumps) - MAX_NAMED_ENTITIES
        if hidden_count > 0:
            names.append(language.ngettext("and %(count)s more", "and %(count)s more", hidden_count))
        text = language.ngettext(
            "The size of %(count)s segment changed unusually: %(names)s.",
            "The sizes of %(count)s segments changed unusually: %(names)s.",
            len(day_jumps),
            names="; ".join(names),
        )
        if len(day_jumps) == 1 or _have_one_context(day_jumps):
            text = f"{text} {_describe_jump_context(day_jumps[0], language)}"
        yield Event(at=day_jumps[0].observed_at, date=day, kind="jump", text=text)


def _describe_jump(jump: Jump, formats: Formats) -> str:
    """Describe a segment's jump, to list it with the segment."""
    values = {
        "change": formats.number(abs(jump.change_count)),
        "size": formats.number(jump.last_count),
        "usual": _usual_change(jump, formats),
    }
    if jump.change_count > 0:
        return formats.language.gettext("Jumped up by %(change)s to %(size)s (usual: %(usual)s).", **values)
    return formats.language.gettext("Dropped by %(change)s to %(size)s (usual: %(usual)s).", **values)


def _usual_change(jump: Jump, formats: Formats) -> str:
    return formats.signed(jump.usual_change_count.normalize())


def _have_one_context(jumps: Sequence[Jump]) -> bool:
    """Return True if the same entities changed around all jumps, none of them a segment that jumped."""
    contexts = [_entities_around(jump) for jump in jumps]
    return bool(contexts[0]) and all(
        context == contexts[0] and ("segment", jump.segment_id) not in {entity[:2] for entity in context}
        for jump, context in zip(jumps, contexts, strict=True)
    )


def _entities_around(jump: Jump) -> set[tuple[str, int, str | None, str]]:
    """Return kind, id, name and change of the entities that changed around a jump, each once."""
    changes = jump.changes_around
    return {
        (one["thing"], one["thing_id"], one["name"], one["change"] if one["thing"] == "segment" else "")
        for one in changes
    }


def _describe_jump_context(jump: Jump, language: Language) -> str:
    """Describe what else changed around a jump, and days without a size before it."""
    labels = {
        _label_around(jump, thing, thing_id, name, change, language)
        for thing, thing_id, name, change in _entities_around(jump)
    }
    context = (
        language.gettext(
            "Changed around that time: %(entities)s.",
            entities=to_single_line(", ".join(sorted(labels)), MAX_CONTEXT_LENGTH),
        )
        if labels
        else language.gettext(NO_CONTEXT)
    )
    if not jump.missed_days:
        return context
    missed = language.ngettext(
        "After %(count)s day without its size.", "After %(count)s days without its size.", jump.missed_days
    )
    return f"{missed} {context}"


def _label_around(jump: Jump, thing: str, thing_id: int, name: str | None, change: str, language: Language) -> str:
    """Name an entity that changed around a jump; a segment is the one that jumped, or one that came or went."""
    if thing == "account":
        return language.gettext("the account")
    if (thing, thing_id) == ("segment", jump.segment_id):
        return language.gettext("the segment")
    if change in OTHER_SEGMENTS:
        return language.gettext(OTHER_SEGMENTS[change], name=quote_name(name, language) or str(thing_id))
    return entity_label(thing, name, thing_id, language)
