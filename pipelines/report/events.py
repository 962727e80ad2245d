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

from pipelines.report.figures import Figures, Gap, Jump
from pipelines.report.formats import Formats
from pipelines.wording import MOST_NAMED, Change, clean, news, span

Kind = Literal["change", "jump", "gap"]

OFTEN: Final = 4
"""A property that changed so many times, or more, is told once, with its last change."""

DAY_SECONDS: Final = 86_400

ISO: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d)?")
"""A day or an instant as the views write it."""

MOST_AROUND: Final = 200
"""Characters that are given to what changed around a jump."""

CHANGED_AROUND: Final = "Around it changed: {}."
NOTHING_AROUND: Final = "Nothing that amoCRM tells of this segment, fields or the account changed around it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A sentence and when it was first seen: what it tells of happened since the snapshot before."""

    at: datetime
    date: date  # the account's day
    kind: Kind
    text: str


def events(figures: Figures, formats: Formats) -> list[Event]:
    """All of the account's, the newest first."""
    told = [
        *change_events(figures.changes, formats),
        *(gap_event(gap, formats) for gap in figures.gaps),
        *_of_jumps(figures.jumps, formats),
    ]
    return sorted(told, key=lambda event: (event.date, event.at), reverse=True)


def segment_events(figures: Figures, formats: Formats) -> dict[int, list[Event]]:
    """Those of each segment by its id, the oldest first."""
    changes: dict[int, list[Change]] = {}
    for change in figures.changes:
        if change.thing == "segment":
            changes.setdefault(change.thing_id, []).append(change)
    told = {segment_id: list(change_events(own, formats)) for segment_id, own in changes.items()}
    for jump in figures.jumps:
        moved = "Jumped up" if jump.change_count > 0 else "Dropped"
        by, size = formats.number(abs(jump.change_count)), formats.number(jump.last_count)
        text = f"{moved} by {by} to {size}{_usual(jump, formats)}. {_around(jump)}"
        event = Event(at=jump.observed_at, date=jump.observed_date, kind="jump", text=text)
        told.setdefault(jump.segment_id, []).append(event)
    return {segment_id: sorted(found, key=lambda one: (one.date, one.at)) for segment_id, found in told.items()}


def shared_events(figures: Figures, formats: Formats) -> list[Event]:
    """Those that concern all segments at once, the oldest first.

    They are changes of the account, of its fields and their options, and gaps of a day and more.
    """
    of_all = [change for change in figures.changes if change.thing in ("account", "field", "option")]
    gaps = [gap for gap in figures.gaps if gap.gap_seconds >= DAY_SECONDS]
    told = [*change_events(of_all, formats), *(gap_event(gap, formats) for gap in gaps)]
    return sorted(told, key=lambda event: (event.date, event.at))


def gap_words(gap: Gap) -> str:
    """How long nothing was seen, and why as far as it is known."""
    missed = "one load is missing" if gap.missed_count == 1 else f"{gap.missed_count} loads are missing"
    lasting = "" if gap.until_at else " so far"
    known = f": {clean(gap.errors)}" if gap.errors else ", none was seen to fail"
    return f"Nothing was seen for {span(gap.gap_seconds)}{lasting}; {missed}{known}."


def change_events(changes: Iterable[Change], formats: Formats) -> Iterator[Event]:
    """The changes in words, in the order given; of one that happens again and again only the last, and how often."""
    rows = list(changes)
    times = Counter(map(_again, rows))
    told = set()
    once, often = [], []
    for row in rows:
        if row.property is None or times[_again(row)] < OFTEN:
            once.append(readable(row, formats))
        elif _again(row) not in told:
            told.add(_again(row))
            often.append((readable(row, formats), times[_again(row)]))
    sentences = [(one, "") for one in news(once)]
    sentences += [(one, f", the last of {count} times") for row, count in often for one in news([row])]
    for one, how_often in sentences:
        text = f"{one.text[:1].upper()}{one.text[1:]}{how_often}"
        text = text if text.rstrip("”").endswith((".", "!", "?", "…")) else f"{text}."
        yield Event(at=one.observed_at, date=formats.day_of(one.observed_at), kind="change", text=text)


def _again(change: Change) -> Hashable:
    """What makes two changes the same thing happening again."""
    return change.thing, change.thing_id, change.property, change.value_field_name


def readable(change: Change, formats: Formats) -> Change:
    """The same with values that are a day or an instant as the account writes them."""
    return replace(change, old_text=_local(change.old_text, formats), new_text=_local(change.new_text, formats))


def _local(text: str | None, formats: Formats) -> str | None:
    if text is None or not ISO.fullmatch(text):
        return text
    try:
        return formats.moment(datetime.fromisoformat(text)) if "T" in text else formats.day(date.fromisoformat(text))
    except (ValueError, OverflowError):  # no such day, or one that no calendar of ours has
        return text


def gap_event(gap: Gap, formats: Formats) -> Event:
    """A gap in words."""
    return Event(at=gap.after_at, date=formats.day_of(gap.after_at), kind="gap", text=gap_words(gap))


def _of_jumps(jumps: Iterable[Jump], formats: Formats) -> Iterator[Event]:
    for day, together in groupby(jumps, key=attrgetter("observed_date")):
        of_day = list(together)
        named = "; ".join(
            f"'{clean(jump.name or str(jump.segment_id))}' {formats.signed(jump.change_count)}{_usual(jump, formats)}"
            for jump in of_day[:MOST_NAMED]
        )
        more = f"; and {len(of_day) - MOST_NAMED} more" if len(of_day) > MOST_NAMED else ""
        whose = "A segment left its" if len(of_day) == 1 else f"{len(of_day)} segments left their"
        around = f" {_around(of_day[0])}" if len(of_day) == 1 else ""
        text = f"{whose} own rhythm: {named}{more}.{around}"
        yield Event(at=of_day[0].observed_at, date=day, kind="jump", text=text)


def _usual(jump: Jump, formats: Formats) -> str:
    return f" (usual: {formats.signed(jump.usual_change_count.normalize())})"


def _around(jump: Jump) -> str:
    around = CHANGED_AROUND.format(clean(jump.changed_things, MOST_AROUND)) if jump.changed_things else NOTHING_AROUND
    days = "day" if jump.missed_days == 1 else "days"
    return f"After {jump.missed_days} {days} without its size. {around}" if jump.missed_days else around
