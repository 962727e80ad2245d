"""The account's state in one line, and how its loads are going in another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipelines.report.figures import Figures
from pipelines.report.formats import Formats
from pipelines.wording import clean, span

MODES: Final = {
    "disabled": "Customers are switched off in amoCRM: there is nothing to see at present",
    "unavailable": "The account's plan has no customers: there is nothing to see at present",
}
WEEK: Final = 7
LONGEST_MESSAGE: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Loads:
    """How the loads are going."""

    is_well: bool
    verdict: str  # in a word or two
    text: str


def headline(figures: Figures, formats: Formats) -> str:
    """What there is, what is largest, and what moved within a week."""
    match figures.state.customers_mode:
        case "segments":
            return "; ".join(_of_segments(figures, formats)) + "."
        case "periodicity":
            return f"{_counted(len(figures.stages), 'stage')} of recurring purchases."
        case mode:
            return MODES.get(mode, mode) + "."


def _of_segments(figures: Figures, formats: Formats) -> Iterator[str]:
    yield _counted(len(figures.segments), "segment")
    largest = figures.segments[0] if figures.segments else None
    if largest and largest.customers_count is not None:
        name = clean(largest.name or "") or str(largest.segment_id)
        yield f"the largest, '{name}', holds {formats.number(largest.customers_count)} customers"
    changes = [one.change_7_days for one in figures.segments if one.change_7_days is not None]
    if changes:
        grown, shrunk = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        yield f"within 7 days {grown or 'none'} grew and {shrunk or 'none'} shrank{_most(figures, formats)}"


def _most(figures: Figures, formats: Formats) -> str:
    """The one that moved most."""
    week = [mover for mover in figures.movers if mover.days == WEEK]
    if not week:
        return ""
    most = max(week, key=lambda mover: abs(mover.change_count))
    name = clean(most.name or "") or str(most.segment_id)
    return f", most of all '{name}' by {formats.signed(most.change_count)}"


def loads(figures: Figures, formats: Formats, *, now: datetime) -> Loads:
    """Whether the newest snapshot is as new as it should be, and what was wrong if not."""
    state = figures.state
    age = f"The newest snapshot, of {formats.moment(state.observed_at)}, is {_age(now, state.observed_at)} old"
    rhythm = f"; usually one comes every {span(state.usual_seconds)}" if state.usual_seconds else ""
    late = " A load is missing." if state.is_late else ""
    failed = f" {_counted(state.failure_count, 'load')} failed since: " if state.failure_count else ""
    message = clean(state.last_message or "", LONGEST_MESSAGE) if failed else ""
    is_well = not (late or failed)
    verdict = "Look here." if not is_well else "On time." if rhythm else "Loaded."
    return Loads(is_well=is_well, verdict=verdict, text=f"{age}{rhythm}.{late}{failed}{message}")


def _age(now: datetime, observed_at: datetime) -> str:
    return span((now - observed_at).total_seconds())


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
