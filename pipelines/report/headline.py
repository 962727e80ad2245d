"""The account's state in one line, and how its loads are going in another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipelines.base.text import format_duration, to_single_line
from pipelines.report.figures import Figures
from pipelines.report.formats import Formats

MODE_SENTENCES: Final = {
    "disabled": "Customers are switched off in amoCRM: there is nothing to see at present",
    "unavailable": "The account's plan has no customers: there is nothing to see at present",
}
WEEK_DAYS: Final = 7
MAX_MESSAGE_LENGTH: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadStatus:
    """How the loads are going."""

    is_healthy: bool
    verdict: str  # in a word or two
    text: str


def describe_account(figures: Figures, formats: Formats) -> str:
    """What there is, what is largest, and what moved within a week."""
    match figures.state.customers_mode:
        case "segments":
            return "; ".join(_segment_clauses(figures, formats)) + "."
        case "periodicity":
            return f"{_pluralize(len(figures.stages), 'stage')} of recurring purchases."
        case mode:
            return MODE_SENTENCES.get(mode, mode) + "."


def _segment_clauses(figures: Figures, formats: Formats) -> Iterator[str]:
    yield _pluralize(len(figures.segments), "segment")
    largest = figures.segments[0] if figures.segments else None
    if largest and largest.customers_count is not None:
        name = to_single_line(largest.name or "") or str(largest.segment_id)
        yield f"the largest, '{name}', holds {formats.number(largest.customers_count)} customers"
    changes = [segment.change_7_days for segment in figures.segments if segment.change_7_days is not None]
    if changes:
        grown, shrunk = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        yield f"within 7 days {grown or 'none'} grew and {shrunk or 'none'} shrank{_describe_top_mover(figures, formats)}"


def _describe_top_mover(figures: Figures, formats: Formats) -> str:
    """The one that moved most."""
    week = [mover for mover in figures.movers if mover.days == WEEK_DAYS]
    if not week:
        return ""
    top_mover = max(week, key=lambda mover: abs(mover.change_count))
    name = to_single_line(top_mover.name or "") or str(top_mover.segment_id)
    return f", most of all '{name}' by {formats.signed(top_mover.change_count)}"


def describe_loads(figures: Figures, formats: Formats, *, now: datetime) -> LoadStatus:
    """Whether the newest snapshot is as new as it should be, and what was wrong if not."""
    state = figures.state
    age = (
        f"The newest snapshot, of {formats.timestamp(state.observed_at)}, is {_format_age(now, state.observed_at)} old"
    )
    rhythm = f"; usually one comes every {format_duration(state.usual_seconds)}" if state.usual_seconds else ""
    late = " A load is missing." if state.is_late else ""
    failed = f" {_pluralize(state.failure_count, 'load')} failed since: " if state.failure_count else ""
    message = to_single_line(state.last_message or "", MAX_MESSAGE_LENGTH) if failed else ""
    is_healthy = not (late or failed)
    verdict = "Look here." if not is_healthy else "On time." if rhythm else "Loaded."
    return LoadStatus(is_healthy=is_healthy, verdict=verdict, text=f"{age}{rhythm}.{late}{failed}{message}")


def _format_age(now: datetime, observed_at: datetime) -> str:
    return format_duration((now - observed_at).total_seconds())


def _pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
