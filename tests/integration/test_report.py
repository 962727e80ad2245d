"""The report of a history that is known by heart: its figures are the database's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from pipelines.errors import DatabaseError
from pipelines.report.figures import read_figures
from pipelines.report.page import render
from tests.known_world import NOON, WEDNESDAY, publish_history
from tests.records import origin
from tests.report_reader import ReportReader

KEY = origin().account_key
NOW = datetime(2026, 4, 3, 15, tzinfo=UTC)


def test_figures_on_the_page_are_the_databases(engine: Engine) -> None:
    publish_history(engine, until=WEDNESDAY)
    page = ReportReader(render(read_figures(engine, KEY), now=NOW))
    with engine.connect() as connection:
        trends = connection.execute(
            text("select name, customers_count::text from analytics.segment_trends order by size_rank")
        ).all()
        days = connection.execute(
            text(
                "select to_char(observed_date, 'DD.MM.YYYY'),"
                " case when is_observed then coalesce(last_count::text, '–') else 'no load' end"
                " from analytics.segment_sizes_daily where name = 'VIP club' order by observed_date desc"
            )
        ).all()
    overview, vip, *_ = page.tables
    assert [(row[0], row[1]) for row in overview[1:]] == [tuple(row) for row in trends]
    assert [(row[0], row[1]) for row in vip[1:]] == [tuple(row) for row in days]
    assert ("30.03.2026", "no load") in [(row[0], row[1]) for row in vip]
    assert "Segment 'VIP' renamed to 'VIP club'." in page.text
    assert "Segment 'New' deleted." in page.text


def test_stages_are_shown_with_their_rules(engine: Engine) -> None:
    publish_history(engine, until=NOON)
    page = ReportReader(render(read_figures(engine, KEY), now=NOW))
    assert [row[:2] for row in page.tables[0][1:]] == [["Closed", "1"], ["Bought", "0"]]
    assert "2 stages of recurring purchases." in page.text


def test_it_looks_back_so_many_days(engine: Engine) -> None:
    publish_history(engine, until=WEDNESDAY)
    figures = read_figures(engine, KEY, days=2)
    assert {day.date.isoformat() for one in figures.segments for day in one.days} == {"2026-03-31", "2026-04-01"}
    assert {change.observed_at for change in figures.changes} == {WEDNESDAY}
    assert {change.observed_at for change in read_figures(engine, KEY).changes} > {WEDNESDAY}


def test_an_account_without_a_snapshot(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="account 'none': it has no snapshot yet"):
        read_figures(engine, "none")
