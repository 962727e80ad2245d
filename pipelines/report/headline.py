"""Headlines of the report: the account's state, and the state of its loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipelines.base.language import gettext_noop, ngettext_noop
from pipelines.base.text import display_name, format_duration, to_single_line
from pipelines.report.figures import Figures
from pipelines.report.formats import Formats
from pipelines.report.sizes import SizeTrend

MODE_SENTENCES: Final = {
    "disabled": gettext_noop("Customers are switched off in amoCRM, so there are no segments or stages at present."),
    "unavailable": gettext_noop(
        "The account's plan does not include customers, so there are no segments or stages at present."
    ),
}
LARGEST_SEGMENT: Final = ngettext_noop(
    "the largest, '%(name)s', holds %(count)s customer", "the largest, '%(name)s', holds %(count)s customers"
)
LARGEST_STAGE: Final = ngettext_noop(
    "the largest stage, '%(name)s', holds %(count)s customer",
    "the largest stage, '%(name)s', holds %(count)s customers",
)
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
    language = formats.language
    match figures.state.customers_mode:
        case "segments":
            count = language.ngettext("%(count)s segment", "%(count)s segments", len(figures.segments))
            return "; ".join((count, *_size_clauses(figures.segments, figures, formats))) + "."
        case "periodicity":
            count = language.ngettext(
                "%(count)s stage of recurring purchases",
                "%(count)s stages of recurring purchases",
                len(figures.stages),
            )
            return "; ".join((count, *_size_clauses(figures.stage_sizes, figures, formats))) + "."
        case mode:
            return language.gettext(MODE_SENTENCES[mode]) if mode in MODE_SENTENCES else f"{mode}."


def _size_clauses(trends: Sequence[SizeTrend], figures: Figures, formats: Formats) -> Iterator[str]:
    """Yield the largest segment or stage, and how many grew and shrank within a week."""
    language = formats.language
    largest = trends[0] if trends else None
    if largest and largest.customers_count is not None:
        is_of_stages = figures.state.customers_mode == "periodicity"
        yield language.ngettext(
            *(LARGEST_STAGE if is_of_stages else LARGEST_SEGMENT),
            largest.customers_count,
            name=display_name(largest.name, largest.place_id),
            count=formats.number(largest.customers_count),
        )
    changes = [trend.change_7_days for trend in trends if trend.change_7_days is not None]
    if changes:
        yield _describe_week(figures, formats, changes)


def _describe_week(figures: Figures, formats: Formats, changes: list[int]) -> str:
    """Describe how many segments or stages grew and shrank within a week, and the one with the largest change."""
    language = formats.language
    grown, shrunk = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    none = language.pgettext("segments", "none")
    counts = {"grown": grown or none, "shrunk": shrunk or none}
    week = [mover for mover in figures.movers if mover.days == WEEK_DAYS]
    if not week:
        return language.gettext("within 7 days %(grown)s grew and %(shrunk)s shrank", **counts)
    top_mover = max(week, key=lambda mover: abs(mover.change_count))
    return language.gettext(
        "within 7 days %(grown)s grew and %(shrunk)s shrank, '%(name)s' the most (%(change)s)",
        name=display_name(top_mover.name, top_mover.place_id),
        change=formats.signed(top_mover.change_count),
        **counts,
    )


def describe_loads(figures: Figures, formats: Formats, *, now: datetime) -> LoadStatus:
    """Describe the age of the latest snapshot, and failed or missing loads."""
    state, language = figures.state, formats.language
    observed_at = formats.timestamp(state.observed_at)
    age = format_duration((now - state.observed_at).total_seconds(), language)
    if state.usual_seconds:
        interval = format_duration(state.usual_seconds, language)
        sentences = [
            language.gettext(
                "The latest snapshot, of %(time)s, is %(age)s old; usually there is one every %(interval)s.",
                time=observed_at,
                age=age,
                interval=interval,
            )
        ]
    else:
        sentences = [language.gettext("The latest snapshot, of %(time)s, is %(age)s old.", time=observed_at, age=age)]
    if state.is_late:
        sentences.append(language.gettext("A load is missing."))
    if state.failure_count:
        sentences.append(
            language.ngettext(
                "%(count)s load failed since: %(message)s",
                "%(count)s loads failed since: %(message)s",
                state.failure_count,
                message=to_single_line(state.last_message or "", MAX_MESSAGE_LENGTH),
            )
        )
    is_healthy = not (state.is_late or state.failure_count)
    healthy = language.gettext("On time.") if state.usual_seconds else language.gettext("Loaded.")
    return LoadStatus(
        is_healthy=is_healthy,
        verdict=healthy if is_healthy else language.gettext("Needs attention."),
        text=" ".join(sentences),
    )
