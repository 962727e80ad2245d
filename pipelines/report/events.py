"""What happened, in words and with its day: changes, jumps of sizes and gaps, of a segment and of the whole account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from pipelines.report.figures import Figures, Gap, Jump
from pipelines.report.formats import Formats, span
from pipelines.wording import MOST_NAMED, clean, news

Kind = Literal["change", "jump", "gap"]

CHANGED_AROUND: Final = "Around it changed: {}."
NOTHING_AROUND: Final = "Nothing else that amoCRM tells changed around it."


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
        Event(at=one.observed_at, date=formats.day_of(one.observed_at), kind="change", text=_sentence(one.text))
        for one in news(figures.changes)
    ]
    told += [_of_gap(gap, formats) for gap in figures.gaps]
    told += _of_jumps(figures.jumps, formats)
    return sorted(told, key=lambda event: (event.date, event.at), reverse=True)


def segment_events(figures: Figures, formats: Formats) -> dict[int, list[Event]]:
    """Those of each segment by its id, the oldest first."""
    told: dict[int, list[Event]] = {}
    for change in figures.changes:
        if change.thing == "segment":
            for one in news([change]):
                at = one.observed_at
                event = Event(at=at, date=formats.day_of(at), kind="change", text=_sentence(one.text))
                told.setdefault(change.thing_id, []).append(event)
    for jump in figures.jumps:
        size = formats.number(jump.last_count)
        text = f"Jumped by {formats.signed(jump.change_count)} to {size}{_usual(jump, formats)}. {_around(jump)}"
        event = Event(at=jump.observed_at, date=jump.observed_date, kind="jump", text=text)
        told.setdefault(jump.segment_id, []).append(event)
    return {segment_id: sorted(found, key=lambda one: (one.date, one.at)) for segment_id, found in told.items()}


def gap_words(gap: Gap) -> str:
    """How long nothing was seen, and why as far as it is known."""
    missed = "one load is missing" if gap.missed_count == 1 else f"{gap.missed_count} loads are missing"
    lasting = "" if gap.until_at else " so far"
    known = f": {clean(gap.errors)}" if gap.errors else ", none was seen to fail"
    return f"Nothing was seen for {span(gap.gap_seconds)}{lasting}; {missed}{known}."


def _of_gap(gap: Gap, formats: Formats) -> Event:
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
    around = CHANGED_AROUND.format(clean(jump.changed_things)) if jump.changed_things else NOTHING_AROUND
    days = "day" if jump.missed_days == 1 else "days"
    return f"After {jump.missed_days} {days} without its size. {around}" if jump.missed_days else around


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
