"""The page: figures in, HTML out. How it looks is in ``page.html.jinja`` and ``page.css``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipelines.report.chart import letter, mark_days, size_chart
from pipelines.report.events import Event, events, gap_words, segment_events, shared_events
from pipelines.report.figures import Day, Figures, Segment
from pipelines.report.formats import Formats
from pipelines.report.state import WEEK, headline, loads
from pipelines.rule_wording import rules_in_words
from pipelines.wording import clean, span

MOST_EVENTS: Final = 60
"""Sentences of the timeline; all of them are in the views."""

MOST_MARKS: Final = 8
"""Sentences beside a segment's chart, the newest."""

RECENT_DAYS: Final = 14
"""Days that a segment's table has one by one; before these it has the last day of each month."""

MOST_SHARED: Final = 12
"""Marks that stand on all charts, the newest."""

MOST_OF_A_WEEK: Final = 8
"""Sentences of the last 7 days that stand beside the movers, the newest."""

LONGEST_DETAIL: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A segment as the page shows it."""

    segment: Segment
    name: str
    chart: Markup
    marks: list[tuple[int, Event]]
    earlier_count: int  # events that are not told
    table: list[Day]


def render(figures: Figures, *, now: datetime, is_simulated: bool = False) -> str:
    """The report as one HTML document without scripts, which asks no other place for anything."""
    formats = Formats.of_account(figures.state.country, figures.state.timezone)
    told = events(figures, formats)
    of_segment = segment_events(figures, formats)
    days = [day.date for segment in figures.segments for day in segment.days]
    first, last = min(days, default=figures.state.observed_date), figures.state.observed_date
    shared = [event for event in shared_events(figures, formats) if first <= event.date <= last][-MOST_SHARED:]
    letters = mark_days([event.date for event in shared], first=first, last=last)
    moved = movers(figures)
    lately = [event for event in told if event.date > last - timedelta(days=WEEK)]
    page = _environment(formats).get_template("page.html.jinja")
    return page.render(
        now=now,
        is_simulated=is_simulated,
        state=figures.state,
        title=named(figures.state.name, figures.state.account_key),
        headline=headline(figures, formats),
        loads=loads(figures, formats, now=now),
        first=first,
        last=last,
        cards=[
            card(one, of_segment.get(one.segment_id, []), letters, formats, first=first, last=last)
            for one in figures.segments
        ],
        shared=[(letter(letters[event.date]), event) for event in shared],
        stages=figures.stages,
        with_segments=bool(figures.segments) or figures.state.customers_mode != "periodicity",
        has_week=figures.state.first_date <= last - timedelta(days=WEEK),
        movers_of_week=[one for one in moved if one["days"] == WEEK],
        movers=[one for one in moved if one["days"] != WEEK],
        lately=lately[:MOST_OF_A_WEEK],
        more_lately_count=max(len(lately) - MOST_OF_A_WEEK, 0),
        told=[(day, list(of_day)) for day, of_day in groupby(told[:MOST_EVENTS], key=attrgetter("date"))],
        untold_count=max(len(told) - MOST_EVENTS, 0),
        changes_from=figures.changes_from,
        gaps=figures.gaps,
        oddities=figures.oddities,
        is_oddities_whole=figures.is_oddities_whole,
    )


def card(
    segment: Segment,
    happened: Sequence[Event],
    letters: Mapping[date, int],
    formats: Formats,
    *,
    first: date,
    last: date,
) -> Card:
    """A segment with its chart, what happened to it, and its sizes as a table. ``letters`` mark what concerns all."""
    shown = happened[-MOST_MARKS:]
    numbers = mark_days([event.date for event in shown], first=first, last=last)
    return Card(
        segment=segment,
        name=named(segment.name, segment.segment_id),
        # Vega's own output, of numbers and days: no text of amoCRM is in it.
        chart=Markup(size_chart(segment.days, numbers, formats, first=first, last=last, shared=letters)),  # noqa: S704
        marks=[(numbers[event.date], event) for event in shown],
        earlier_count=len(happened) - len(shown),
        table=table_days(segment.days),
    )


def table_days(days: Sequence[Day]) -> list[Day]:
    """The last days one by one, before these the last of each month; the newest first."""
    ends = {(day.date.year, day.date.month): day for day in days[:-RECENT_DAYS]}
    return [*reversed(days[-RECENT_DAYS:]), *reversed(ends.values())]


def movers(figures: Figures) -> list[dict[str, Any]]:
    """The movers of each span of days, with the length of their bars in percent of the longest."""
    return [
        {
            "days": days,
            "rows": [(row, 100 * abs(row.change_count) / max(abs(one.change_count) for one in rows)) for row in rows],
        }
        for days, rows in ((days, list(group)) for days, group in groupby(figures.movers, key=attrgetter("days")))
    ]


def named(name: str | None, otherwise: object) -> str:
    """A name on one printable line, or what stands for it where there is none."""
    return clean(name or "") or f"{otherwise}"


def _environment(formats: Formats) -> Environment:
    environment = Environment(
        loader=PackageLoader("pipelines.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["stylesheet"] = Markup(_source(environment, "page.css"))  # noqa: S704 - a file of ours
    environment.filters |= {
        "number": formats.number,
        "signed": formats.signed,
        "percent": formats.percent,
        "day": formats.day,
        "moment": formats.moment,
        "gap_words": gap_words,
        "line": lambda text, otherwise="": named(text, otherwise),
        "detail": lambda text: clean(text, LONGEST_DETAIL),
        "trend": lambda change: "up" if change and change > 0 else "down" if change and change < 0 else "same",
        "rules": rules_in_words,
        "span": span,
    }
    return environment


def _source(environment: Environment, name: str) -> str:
    assert environment.loader
    return environment.loader.get_source(environment, name)[0]
