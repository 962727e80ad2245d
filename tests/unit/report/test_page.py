"""The report page from figures made by hand; no text is active."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.report.events import change_events, events_by_place, shared_events, timeline_events
from pipelines.report.figures import AccountState, AnomalyPeriod, Figures, Flow, Gap, Joins, Mover, StageState
from pipelines.report.formats import Formats
from pipelines.report.jumps import Jump
from pipelines.report.page import render_page, select_table_days
from pipelines.report.place_flows import PlaceCount, PlaceFlows
from pipelines.report.sizes import ReportDay, SizeTrend
from pipelines.warehouse.changes import Change
from tests.report_parser import ReportReader

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
RUSSIAN = Formats.for_account("RU", "Europe/Moscow", "en")

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title><svg onload=alert(1)>",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "<!--",
    "]]>",
    "\u202eevil\u2066\u200f",
    "null \x00 and \ud800 half",
    "&lt;b&gt; &amp;",
    "100 %(name)s %s %",
    "long " * 13_000,
]


def figures(name: str = "VIP") -> Figures:
    """One of everything, all named the same."""
    days = tuple(
        ReportDay(date=TODAY - timedelta(days=9 - place), size=1000 + place, is_observed=True) for place in range(10)
    )
    change = Change(
        observed_at=NOW - timedelta(days=3),
        previous_observed_at=NOW - timedelta(days=4),
        thing="segment",
        thing_id=1,
        thing_name=name,
        change="changed",
        property="field_value",
        value_field_name=name,
        old_text=name,
        new_text="2026-03-07T21:30:00+00:00",
    )
    trend = SizeTrend(
        place_id=1,
        name=name,
        customers_count=1009,
        share_percent=Decimal("100.0"),
        change_1_day=1,
        change_7_days=7,
        change_7_days_percent=Decimal("0.7"),
        change_30_days=None,
        change_30_days_percent=None,
        days=days,
    )
    return Figures(
        state=AccountState(
            account_key="shop",
            name=name,
            customers_mode="segments",
            timezone="Europe/Moscow",
            country="RU",
            observed_at=NOW - timedelta(hours=1),
            observed_date=TODAY,
            usual_seconds=21_600,
            is_late=True,
            failure_count=2,
            last_message=name,
            first_date=days[0].date,
            snapshot_count=40,
        ),
        first_date=days[0].date,
        segments=[trend],
        stage_sizes=[replace(trend, place_id=5)],
        flows=[
            Flow(from_id=5, from_name=name, to_id=6, to_name=name, customers_count=9),
            Flow(from_id=None, from_name=None, to_id=5, to_name=name, customers_count=2),
            Flow(from_id=5, from_name=name, to_id=None, to_name=None, customers_count=1),
        ],
        joins={1: Joins(segment_id=1, joined_count=8, left_count=1)},
        stages=[
            StageState(
                stage_id=5,
                name=name,
                is_default=True,
                type_text="regular",
                state_since_at=NOW,
                conditions=[[{"type": name}]],
                conditions_text=name,
            )
        ],
        movers=[
            Mover(
                days=7,
                direction="up",
                place="segment",
                place_id=1,
                name=name,
                before_count=1002,
                customers_count=1009,
                change_count=7,
                change_percent=Decimal("0.7"),
            )
        ],
        jumps=[
            Jump(
                place="segment",
                place_id=1,
                name=name,
                previous_date=TODAY - timedelta(days=1),
                previous_count=1039,
                observed_date=TODAY,
                last_count=1009,
                change_count=-30,
                usual_change_count=Decimal("1.0"),
                missed_days=0,
                observed_at=NOW - timedelta(hours=1),
                changed_things="field 'Region', the segment",
                changes_around=[
                    {"thing": "segment", "thing_id": 1, "name": name, "change": "changed"},
                    {"thing": "field", "thing_id": 9, "name": "Region", "change": "changed"},
                ],
            )
        ],
        changes=[change],
        changes_from=None,
        gaps=[
            Gap(
                after_at=NOW - timedelta(days=2),
                until_at=None,
                gap_seconds=86_400,
                missed_count=3,
                missed_days=0,
                failure_count=3,
                errors=name,
            )
        ],
        anomalies=[
            AnomalyPeriod(
                kind="missing_value",
                thing="segment",
                thing_id=1,
                thing_name=name,
                detail=name,
                valid_from=NOW,
                valid_to=None,
            )
        ],
        has_all_anomalies=True,
    )


def of_stages(name: str = "VIP") -> Figures:
    """The same of an account of stages, with scans of customers."""
    full = figures(name)
    [mover], [jump] = full.movers, full.jumps
    around = [
        {"thing": "stage", "thing_id": 6, "name": name, "change": "deleted"},
        {"thing": "stage", "thing_id": 5, "name": name, "change": "changed"},
    ]
    flows = PlaceFlows(
        place="stage",
        change_count=jump.change_count,
        came=[PlaceCount(None, None, 2)],
        went=[PlaceCount(6, name, 29)],
    )
    jump = replace(jump, place="stage", place_id=5, changes_around=around, joined_count=2, left_count=29, flows=flows)
    return replace(
        full,
        state=replace(full.state, customers_mode="periodicity"),
        segments=[],
        joins={},
        movers=[replace(mover, place="stage", place_id=5)],
        jumps=[jump],
        changes=[replace(one, thing="stage", thing_id=5, property="name") for one in full.changes],
    )


PLAIN = ReportReader(render_page(figures(), now=NOW, language="en"))


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("ascii", "backslashreplace").decode())
def test_names_are_inert(name: str) -> None:
    for language in ("en", "ru"):
        html = render_page(figures(name), now=NOW, language=language)
        page = ReportReader(html)
        assert (page.tags, page.attributes, page.links) == (PLAIN.tags, PLAIN.attributes, PLAIN.links)
        assert not {"\u202e", "\u2066", "\u200f", "\x00", "\ud800"} & set(html)
        assert len(html) < 60_000


def test_the_page_loads_and_runs_nothing() -> None:
    assert not PLAIN.tags & {"script", "iframe", "img", "link", "object", "embed", "form", "base"}
    assert all(link.startswith("#") for link in PLAIN.links)
    assert not {name for name in PLAIN.attributes if name.startswith("on")}
    html = render_page(figures(), now=NOW, language="en")
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_every_link_leads_somewhere_and_ids_are_unique() -> None:
    assert {link[1:] for link in PLAIN.links} <= set(PLAIN.ids)
    assert len(PLAIN.ids) == len(set(PLAIN.ids))


@pytest.mark.parametrize(
    "told",
    [
        "1 segment; the largest, 'VIP', holds 1\u00a0009 customers; within 7 days 1 grew and none shrank, ",
        "'VIP' the most (+7).",
        "of 10.03.2026 14:00, is 1 h old; usually there is one every 6 h. A load is missing. 2 loads failed since: VIP",
        "'VIP' of segment 'VIP' changed from “VIP” to 08.03.2026 00:30.",
        "Dropped by 30 to 1\u00a0009 (usual: +1). Changed around that time: field 'Region', the segment.",
        "No data for 1 day so far; 3 loads are missing: VIP.",
    ],
)
def test_content_of_the_page(told: str) -> None:
    assert " ".join(told.split()) in PLAIN.text


def test_simulated_data_are_called_so() -> None:
    assert "Simulated data" not in PLAIN.text
    assert "Simulated data" in ReportReader(render_page(figures(), now=NOW, is_simulated=True, language="en")).text


@pytest.mark.parametrize("mode", ["disabled", "unavailable", "periodicity", "segments"])
def test_an_account_with_nothing_to_show(mode: str) -> None:
    full = figures()
    state = replace(full.state, customers_mode=mode, is_late=False, failure_count=0, usual_seconds=None)
    empty = replace(full, state=state, segments=[], stages=[], movers=[], jumps=[], changes=[], gaps=[], anomalies=[])
    text = ReportReader(render_page(empty, now=NOW, language="en")).text
    assert ("The latest snapshot contains no segments." in text) == (mode != "periodicity")
    assert "Loaded." in text
    assert "On time." not in text
    assert "No load is missing." in text


@pytest.mark.parametrize(
    ("days", "told"),
    [(6, "There is no load from 7 days ago yet."), (7, "No segment's size has changed in 7 days.")],
)
def test_a_week_without_movers_needs_a_week_of_history(days: int, told: str) -> None:
    full = figures()
    state = replace(full.state, first_date=full.state.observed_date - timedelta(days=days))
    assert told in ReportReader(render_page(replace(full, state=state, movers=[]), now=NOW, language="en")).text


def test_repeated_changes_are_summarized() -> None:
    [change] = figures().changes
    again = [replace(change, observed_at=NOW - timedelta(days=day)) for day in range(5)]
    full = replace(figures(), changes=again, jumps=[], gaps=[])
    [told] = timeline_events(full, RUSSIAN)
    assert told.date == TODAY
    assert told.text.endswith(", the last of 5 times.")
    assert [one.text for one in events_by_place(full, "segment", RUSSIAN)[1]] == [told.text]


def test_jumps_of_one_day_are_listed_together_in_order() -> None:
    full = figures()
    jumps = [replace(full.jumps[0], place_id=place, name=f"S{place}") for place in range(5)]
    told = timeline_events(replace(full, jumps=jumps), RUSSIAN)
    assert [event.kind for event in told] == ["jump", "gap", "change"]
    assert events_by_place(replace(full, jumps=jumps), "segment", RUSSIAN)[3][-1].text.endswith(
        " 4 other segments jumped on that day."
    )
    assert "other segment" not in events_by_place(full, "segment", RUSSIAN)[1][-1].text
    assert told[0].text.startswith("The sizes of 5 segments changed unusually: 'S0' \u221230 (usual: +1); 'S1'")
    assert told[0].text.endswith("; and 2 more.")


def test_what_concerns_all_segments_is_marked_on_all_charts() -> None:
    full = figures()
    field = replace(full.changes[0], thing="field", thing_id=9, property="name", old_text="Owner", new_text="Manager")
    mode = replace(field, thing="account", property="customers_mode", old_text="disabled", new_text="segments")
    gap = replace(full.gaps[0], until_at=NOW)
    brief = replace(gap, gap_seconds=7_200)
    shown = replace(full, changes=[field, mode, *full.changes], gaps=[gap, brief], jumps=[], stage_sizes=[])
    assert [event.text[:12] for event in shared_events(shown, RUSSIAN)] == [
        "Field 'Owner",
        "Customers mo",
        "No data for ",
    ]
    html = render_page(shown, now=NOW, language="en")
    [charts] = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert re.findall(r">([A-Z])<", charts) == ["A", "B"]
    assert html.count('<span class="mark">A</span>') == 2, "what was seen on one day"


def test_the_last_seven_days_come_first() -> None:
    full = figures()
    older = replace(full.changes[0], observed_at=NOW - timedelta(days=7), new_text="older")
    html = render_page(replace(full, changes=[*full.changes, older]), now=NOW, language="en")
    week = html[html.index('id="week"') : html.index('id="segments"')]
    assert "1\u00a0009" in week
    assert "08.03.2026 00:30" in week
    assert "older" not in week
    assert "older" in html


def test_omissions_are_stated() -> None:
    full = figures()
    assert "more changes than this page shows" not in PLAIN.text
    assert "see the view data_quality" not in PLAIN.text
    cut = replace(full, changes_from=NOW, has_all_anomalies=False)
    text = ReportReader(render_page(cut, now=NOW, language="en")).text
    assert "those before 10.03.2026 15:00 are missing here" in text
    assert "see the view data_quality" in text
    long = replace(full, state=replace(full.state, first_date=date(2020, 1, 1)), first_date=date(2026, 2, 10))
    assert "This page starts at 10.02.2026" in ReportReader(render_page(long, now=NOW, language="en")).text
    for young in (replace(full, segments=[]), replace(full, segments=[replace(full.segments[0], days=())])):
        assert "This page starts at" not in ReportReader(render_page(young, now=NOW, language="en")).text


def test_stages_have_movers_jumps_and_a_picture_of_moves_as_segments_have() -> None:
    html = render_page(of_stages("VIP club"), now=NOW, language="en")
    text = ReportReader(html).text
    assert "1 stage of recurring purchases; the largest stage, 'VIP club', holds 1 009 customers" in text
    assert "Changed around that time: stage 'VIP club' (deleted), the stage." in text
    assert "Came: 2 new. Went: 29 to 'VIP club'. Not explained: \u22123 (10 %)." in text
    assert '<a href="#stage-5"><bdi>VIP club</bdi></a></th><td class="n">1\u00a0002</td>' in html
    picture = html[html.index('<div class="flows"') : html.index("</svg>", html.index('<div class="flows"'))]
    assert "<em>new</em></span> <b>2</b>" in picture
    assert [path for path in ("move", "new", "gone") if picture.count(f'class="flow {path}"') != 1] == []
    assert 'class="flow' not in render_page(figures(), now=NOW, language="en"), "of segments, whose flows overlap"


SIZE_WORDS = (
    "Customers, size",
    "Customers of a stage",
    "Moves of customers",
    "1, 7, 30 days",
    "Jump",
    "size is that of",
    "charts",
    "segment_jumps",
)


def test_stages_alone_are_explained_without_sizes() -> None:
    full = figures()
    state = replace(full.state, customers_mode="periodicity")
    renamed = replace(full.changes[0], thing="stage", property="name")
    changes = [replace(renamed, observed_at=NOW - timedelta(minutes=number)) for number in range(3)]
    alone = replace(full, state=state, segments=[], movers=[], jumps=[], changes=changes, changes_from=NOW)
    scanned = ReportReader(render_page(alone, now=NOW, language="en"))
    assert "Customers of a stage" in scanned.text
    assert [row[:3] for row in scanned.tables[3]] == [
        ["From", "To", "Customers"],
        ["VIP", "VIP", "9"],
        ["new customers", "VIP", "2"],
        ["VIP", "gone", "1"],
    ]
    alone = replace(alone, stage_sizes=[], flows=[], joins={})
    text = ReportReader(render_page(alone, now=NOW, language="en")).text
    assert [word for word in SIZE_WORDS if word in text] == []
    assert "Rules of a group are separated by semicolons" in text
    assert (
        "but sizes" not in ReportReader(render_page(replace(alone, changes=[], gaps=[]), now=NOW, language="en")).text
    )
    assert "Rules of a group" not in ReportReader(render_page(replace(full, stages=[]), now=NOW, language="en")).text


def test_a_first_day_has_sizes_and_no_charts() -> None:
    full = figures()
    [segment] = full.segments
    young = replace(full, segments=[replace(segment, days=segment.days[-1:])], stage_sizes=[], movers=[])
    html = render_page(young, now=NOW, language="en")
    page = ReportReader(html)
    assert "svg" not in page.tags
    assert "Charts of the sizes begin with the second day." in page.text
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert "1\u00a0009" in html


def test_a_table_has_two_weeks_by_day_and_before_them_the_ends_of_months() -> None:
    days = [
        ReportDay(date=date(2026, 1, 10) + timedelta(days=place), size=place, is_observed=True) for place in range(60)
    ]
    table = [day.date for day in select_table_days(days)]
    assert table[:14] == [TODAY - timedelta(days=place) for place in range(14)]
    assert table[14:] == [date(2026, 2, 24), date(2026, 1, 31)]


@pytest.mark.parametrize(
    ("text", "told"),
    [("Write.", "“Write.”"), ("Write", "“Write”."), ("12", "12."), ("Write…", "“Write…”")],
)
def test_a_sentence_has_one_end(text: str, told: str) -> None:
    change = replace(figures().changes[0], old_text=None, new_text=text)
    [event] = change_events([change], RUSSIAN)
    assert event.text.endswith(f" set to {told}")
