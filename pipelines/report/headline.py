"""Headlines of the report: the account's state, and the state of its loads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipelines.base.text import display_name, format_duration, to_single_line
from pipelines.report.figures import Figures
from pipelines.report.formats import Formats

MODE_SENTENCES: Final = {
    "disabled": "Customers are switched off in amoCRM, so there are no segments or stages at present",
    "unavailable": "The account's plan does not include customers, so there are no segments or stages at present",
}
WEEK_DAYS: Final = 7
MAX_MESSAGE_LENGTH: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadStatus:
    """State of the account's loads."""

    is_healthy: bool
    verdict: str  # in one or two words
    text: str


def describe_account(figures: Figures, formats: Formats) -> str:
    """Describe the account: number of segments or stages, the largest segment, changes within a week."""
    match figures.state.customers_mode:
        case "segments":
            return "; ".join(_segment_clauses(figures, formats)) + "."
        case "periodicity":
            return f"{_pluralize(len(figures.stages), 'stage')} of recurring purchases."
        case mode:
            return MODE_SENTENCES.get(mode, mode) + "."


def _segment_clauses(figures: Figures, formats: Formats) -> Iterator[str]:
    """Yield the number of segments, the largest one, and how many grew and shrank within a week."""
    yield _pluralize(len(figures.segments), "segment")
    # Figures list the largest segment first.
    largest = figures.segments[0] if figures.segments else None
    if largest and largest.customers_count is not None:
        name = display_name(largest.name, largest.segment_id)
        yield f"the largest, '{name}', holds {formats.number(largest.customers_count)} customers"
    changes = [segment.change_7_days for segment in figures.segments if segment.change_7_days is not None]
    if changes:
        grown, shrunk = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        top_mover = _describe_top_mover(figures, formats)
        yield f"within 7 days {grown or 'none'} grew and {shrunk or 'none'} shrank{top_mover}"


def _describe_top_mover(figures: Figures, formats: Formats) -> str:
    """Describe the segment with the largest change within a week; empty if there is none."""
    week = [mover for mover in figures.movers if mover.days == WEEK_DAYS]
    if not week:
        return ""
    top_mover = max(week, key=lambda mover: abs(mover.change_count))
    name = display_name(top_mover.name, top_mover.segment_id)
    return f", '{name}' the most ({formats.signed(top_mover.change_count)})"


def describe_loads(figures: Figures, formats: Formats, *, now: datetime) -> LoadStatus:
    """Describe the age of the latest snapshot, and failed or missing loads."""
    state = figures.state
    seconds = (now - state.observed_at).total_seconds()
    age = f"The latest snapshot, of {formats.timestamp(state.observed_at)}, is {format_duration(seconds)} old"
    interval = f"; usually there is one every {format_duration(state.usual_seconds)}" if state.usual_seconds else ""
    late = " A load is missing." if state.is_late else ""
    failed = f" {_pluralize(state.failure_count, 'load')} failed since: " if state.failure_count else ""
    message = to_single_line(state.last_message or "", MAX_MESSAGE_LENGTH) if failed else ""
    is_healthy = not (late or failed)
    verdict = "Needs attention." if not is_healthy else "On time." if interval else "Loaded."
    return LoadStatus(is_healthy=is_healthy, verdict=verdict, text=f"{age}{interval}.{late}{failed}{message}")


def _pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
