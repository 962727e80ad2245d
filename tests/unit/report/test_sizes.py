"""Days without a scan: usual pauses are no gaps, longer ones are."""

from __future__ import annotations

from datetime import date, timedelta

from pipelines.report.sizes import ReportDay, drop_usual_pauses

FIRST = date(2026, 3, 1)


def days(observed: set[int]) -> list[ReportDay]:
    return [
        ReportDay(
            date=FIRST + timedelta(days=number),
            size=number if number in observed else None,
            is_observed=number in observed,
        )
        for number in range(max(observed, default=-1) + 1)
    ]


def test_weekly_scans_that_become_daily_have_no_gap() -> None:
    observed = {*range(0, 70, 7), *range(70, 90)}
    assert [day.size for day in drop_usual_pauses(days(observed))] == sorted(observed)


def test_a_longer_pause_is_a_gap() -> None:
    daily = {*range(20)} - {10, 11}
    assert drop_usual_pauses(days(daily)) == tuple(days(daily))
    weekly = {*range(0, 140, 7)} - {70}
    assert [day.date.day for day in drop_usual_pauses(days(weekly)) if not day.is_observed] == [
        (FIRST + timedelta(days=number)).day for number in range(64, 77)
    ]


def test_few_days() -> None:
    assert drop_usual_pauses([]) == ()
    assert drop_usual_pauses(days({0})) == tuple(days({0}))
    assert drop_usual_pauses(days({0, 2, 4})) == tuple(days({0, 2, 4})), "what is usual is not known yet"
