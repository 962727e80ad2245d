"""Render the report's figures as one HTML page, with ``page.html.jinja`` and ``page.css``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipelines.base.text import display_name, format_duration, to_single_line
from pipelines.report.change_sentences import entity_label
from pipelines.report.chart import mark_letter, number_marks, size_chart
from pipelines.report.events import (
    Event,
    describe_gap,
    events_by_place,
    shared_events,
    timeline_events,
)
from pipelines.report.figures import SCAN_DAYS, Figures
from pipelines.report.flow_chart import flow_picture
from pipelines.report.formats import Formats
from pipelines.report.headline import WEEK_DAYS, describe_account, describe_loads
from pipelines.report.sizes import ReportDay, SizeTrend
from pipelines.report.stage_rules import describe_rules, translate_type

MAX_TIMELINE_EVENTS: Final = 60
"""Events in the timeline, the latest; the views have all."""

MAX_CARD_EVENTS: Final = 5
"""Events below a chart, the latest."""

RECENT_DAYS: Final = 14
"""Days in a card's table; before these, the table has the last day of each month."""

MAX_SHARED_EVENTS: Final = 12
"""Events marked in all charts, the latest."""

MAX_WEEK_EVENTS: Final = 8
"""Events of the last 7 days beside the movers, the latest."""

MAX_LISTED_FLOWS: Final = 12
"""Moves in the table, those of the most customers."""

MAX_DETAIL_LENGTH: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeCard:
    """A segment's, or a stage's, part of the page."""

    id: str  # in the page
    trend: SizeTrend
    name: str
    chart: Markup
    marks: list[tuple[int, Event]]
    earlier_count: int  # events that are left out
    table: list[ReportDay]


def render_page(figures: Figures, *, now: datetime, is_simulated: bool = False, language: str | None = None) -> str:
    """Render the report as one HTML document, without scripts and external resources.

    Without a language it is in that of the account's country.
    """
    formats = Formats.for_account(figures.state.country, figures.state.timezone, language)
    is_of_stages = figures.state.customers_mode == "periodicity"
    timeline = timeline_events(figures, formats)
    days = [day.date for trend in (*figures.segments, *figures.stage_sizes) for day in trend.days]
    first, last = min(days, default=figures.state.observed_date), figures.state.observed_date
    shared = [event for event in shared_events(figures, formats) if first <= event.date <= last][-MAX_SHARED_EVENTS:]
    letters = number_marks([event.date for event in shared], first=first, last=last)
    cards = {
        kind: [
            build_card(kind, trend, events.get(trend.place_id, []), letters, formats, first=first, last=last)
            for trend in trends
        ]
        for kind, trends, events in (
            ("segment", figures.segments, events_by_place(figures, "segment", formats)),
            ("stage", figures.stage_sizes, events_by_place(figures, "stage", formats)),
        )
    }
    mover_groups = group_movers(figures)
    week_events = [event for event in timeline if event.date > last - timedelta(days=WEEK_DAYS)]
    page = build_environment(formats).get_template("page.html.jinja")
    return page.render(
        now=now,
        is_simulated=is_simulated,
        state=figures.state,
        title=display_name(figures.state.name, figures.state.account_key),
        headline=describe_account(figures, formats),
        loads=describe_loads(figures, formats, now=now),
        first=first,
        last=last,
        has_charts=first < last,  # a day alone is a dot
        cards=cards["segment"],
        stage_cards=cards["stage"],
        joins=figures.joins,
        flows=[
            (flow, 100 * flow.customers_count / figures.flows[0].customers_count)
            for flow in figures.flows[:MAX_LISTED_FLOWS]
        ],
        picture=flow_picture(figures.flows) if figures.flows and is_of_stages else None,
        scan_days=SCAN_DAYS,
        shared=[(mark_letter(letters[event.date]), event) for event in shared],
        stages=figures.stages,
        with_segments=bool(figures.segments) or not is_of_stages,
        has_sizes=not is_of_stages or bool(figures.stage_sizes),
        is_of_stages=is_of_stages,
        start=figures.first_date,
        has_week=any(trend.change_7_days is not None for trend in figures.stage_sizes)
        if is_of_stages
        else figures.state.first_date <= last - timedelta(days=WEEK_DAYS),
        movers_of_week=[item for item in mover_groups if item["days"] == WEEK_DAYS],
        movers=[item for item in mover_groups if item["days"] != WEEK_DAYS],
        week_events=week_events[:MAX_WEEK_EVENTS],
        more_week_events_count=max(len(week_events) - MAX_WEEK_EVENTS, 0),
        timeline=[
            (day, list(day_events))
            for day, day_events in groupby(timeline[:MAX_TIMELINE_EVENTS], key=attrgetter("date"))
        ],
        earlier_event_count=max(len(timeline) - MAX_TIMELINE_EVENTS, 0),
        changes_from=figures.changes_from,
        gaps=figures.gaps,
        anomalies=figures.anomalies,
        has_all_anomalies=figures.has_all_anomalies,
    )


def build_card(
    kind: str,
    trend: SizeTrend,
    events: Sequence[Event],
    letters: Mapping[date, int],
    formats: Formats,
    *,
    first: date,
    last: date,
) -> SizeCard:
    """Build the card of a segment or stage: chart, events, and table of sizes.

    ``letters`` are the marks shared by all charts.
    """
    charted = [event for event in events if event.date >= first]  # scans may begin later than loads
    shown = charted[-MAX_CARD_EVENTS:]
    numbers = number_marks([event.date for event in shown], first=first, last=last)
    return SizeCard(
        id=f"{kind}-{trend.place_id}",
        trend=trend,
        name=display_name(trend.name, trend.place_id),
        # Safe: of numbers and dates, without text from amoCRM.
        chart=Markup(size_chart(trend.days, numbers, formats, first=first, last=last, shared=letters)),  # noqa: S704
        marks=[(numbers[event.date], event) for event in shown],
        earlier_count=len(charted) - len(shown),
        table=select_table_days(trend.days),
    )


def select_table_days(days: Sequence[ReportDay]) -> list[ReportDay]:
    """Select the last ``RECENT_DAYS`` days, and before them the last day of each month; latest first."""
    month_ends = {(day.date.year, day.date.month): day for day in days[:-RECENT_DAYS]}
    return [*reversed(days[-RECENT_DAYS:]), *reversed(month_ends.values())]


def group_movers(figures: Figures) -> list[dict[str, Any]]:
    """Group the movers by span of days, with the length of each bar in percent of the longest."""
    return [
        {
            "days": days,
            "rows": [(row, 100 * abs(row.change_count) / max(abs(item.change_count) for item in rows)) for row in rows],
        }
        for days, rows in ((days, list(group)) for days, group in groupby(figures.movers, key=attrgetter("days")))
    ]


@lru_cache(maxsize=16)  # compiles the templates once for accounts with the same formats
def build_environment(formats: Formats) -> Environment:
    """Create the Jinja environment with the account's formats as filters."""
    environment = Environment(
        loader=PackageLoader(__name__.rpartition(".")[0], ""),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["stylesheet"] = Markup(read_template_file(environment, "page.css"))  # noqa: S704 - a file of ours
    language = formats.language
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # the extension's
        language.catalogue, newstyle=True
    )
    environment.globals["language"] = language
    environment.filters |= {
        "number": formats.number,
        "signed": formats.signed,
        "percent": formats.percent,
        "day": formats.day,
        "timestamp": formats.timestamp,
        "gap_text": lambda gap: describe_gap(gap, language),
        "name": display_name,
        "safe_svg": Markup,  # of numbers, without text from amoCRM
        "detail": lambda text: to_single_line(text, MAX_DETAIL_LENGTH),
        "trend": lambda change: "up" if change and change > 0 else "down" if change and change < 0 else "same",
        "rules": lambda stage: describe_rules(stage.conditions_text, language, stage.conditions),
        "stage_type": lambda text: translate_type(text, language),
        "entity": lambda anomaly: entity_label(anomaly.thing, anomaly.thing_name, anomaly.thing_id, language),
        "duration": lambda seconds: format_duration(seconds, language),
        "days": lambda count: language.ngettext("%(count)s day", "%(count)s days", count),
    }
    return environment


def read_template_file(environment: Environment, name: str) -> str:
    """Return a file of this folder as text."""
    assert environment.loader
    return environment.loader.get_source(environment, name)[0]
