"""Charts: gaps, marks and colours."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import groupby
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.report.chart import (
    MAX_INTERVALS,
    MAX_POINTS,
    axis_ticks,
    downsample,
    find_gaps,
    number_marks,
    size_chart,
    size_sparkline,
)
from pipelines.report.formats import Formats
from pipelines.report.sizes import ReportDay

FIRST = date(2026, 3, 1)
RUSSIAN = Formats.for_account("RU", "Europe/Moscow")


def on(number: int) -> date:
    return FIRST + timedelta(days=number)


def days(*sizes: int | None) -> list[ReportDay]:
    return [ReportDay(date=on(place), size=size, is_observed=size is not None) for place, size in enumerate(sizes)]


def drawn(shown: list[ReportDay], marks: dict[date, int] | None = None, *, last: int | None = None) -> ET.Element:
    end = on(len(shown) - 1 if last is None else last)
    return ET.fromstring(size_chart(shown, marks or {}, RUSSIAN, first=FIRST, last=end))  # noqa: S314 - made here


def lines(svg: ET.Element) -> list[str]:
    """Path data of each stroke of the line."""
    path = "".join(path.get("d", "") for path in svg.iter("path") if path.get("class") == "line")
    return path.split("M")[1:]


def test_a_gap_breaks_the_line_and_is_shaded() -> None:
    svg = drawn(days(5, 6, None, None, 9, 10))
    assert len(lines(svg)) == 2
    assert 'class="band"' in ET.tostring(svg, encoding="unicode")
    assert len(lines(drawn(days(5, 6, 7)))) == 1
    assert 'class="band"' not in ET.tostring(drawn(days(5, 6, 7)), encoding="unicode")


def test_a_day_without_a_usable_number_is_no_gap_in_loading() -> None:
    unusable = [*days(5, 6), ReportDay(date=on(2), size=None, is_observed=True), *days(0, 0, 0, 8)[3:]]
    assert list(find_gaps(unusable)) == []
    assert len(lines(drawn(unusable))) == 2


def test_gaps_reach_from_the_load_before_to_the_load_after() -> None:
    assert list(find_gaps(days(5, None, None, 6, None))) == [(on(0), on(3)), (on(3), on(5))]


def test_numbers_and_days_of_the_axes_are_the_accounts() -> None:
    texts = "|".join(drawn(days(*range(1000, 3001, 200))).itertext())
    assert "01.03.2026" in texts
    assert "11.03.2026" in texts
    assert "2\u00a0000" in texts


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_an_axis_of_sizes_has_a_few_labels_around_all_sizes(one: int, other: int) -> None:
    low, high = sorted((one, other))
    ticks = axis_ticks(low, high)
    assert ticks[0] <= low <= high <= ticks[-1]
    assert len(ticks) <= MAX_INTERVALS + 1
    assert str(ticks.step).rstrip("0") in {"1", "2", "5"}


def test_a_sparkline_is_a_line_without_axes() -> None:
    svg = ET.fromstring(size_sparkline(days(5, 6, None, 9)))  # noqa: S314 - made here
    assert len(lines(svg)) == 2
    assert list(svg.itertext()) == []
    assert size_sparkline(()) == ""


def test_coordinates_are_short() -> None:
    svg = drawn(days(*(place * 7 % 31 for place in range(300))))
    assert not re.search(r"\.\d\d", " ".join(lines(svg)))


def test_overlapping_marks_share_a_number() -> None:
    marks = number_marks([on(90), on(1), on(2), on(50), on(1)], first=FIRST, last=on(90))
    assert marks == {on(1): 1, on(2): 1, on(50): 2, on(90): 3}


def test_each_number_is_drawn_once() -> None:
    texts = list(drawn(days(*range(100, 191)), {on(1): 1, on(2): 1, on(50): 2}).itertext())
    assert (texts.count("1"), texts.count("2")) == (1, 1)


def test_what_concerns_all_charts_has_letters_above_the_numbers() -> None:
    shown = days(*range(100, 191))
    with_letters = size_chart(
        shown, {on(50): 1}, RUSSIAN, first=FIRST, last=on(90), shared={on(1): 1, on(2): 1, on(60): 2}
    )
    texts = [text.strip() for text in ET.fromstring(with_letters).itertext() if text.strip()]  # noqa: S314 - made here
    assert [text for text in texts if text in "AB1"] == ["A", "B", "1"]
    without = size_chart(shown, {on(50): 1}, RUSSIAN, first=FIRST, last=on(90))
    assert height(with_letters) > height(without)


def height(svg: str) -> int:
    return int(svg.partition('viewBox="')[2].partition('"')[0].split()[3])


def test_a_line_of_a_year_has_all_days() -> None:
    shown = days(*range(MAX_POINTS))
    assert list(downsample(shown)) == shown


@settings(max_examples=25)  # of 380 to 1,100 days each
@given(st.lists(st.none() | st.integers(0, 30_000), min_size=MAX_POINTS + 1, max_size=1_100))
def test_a_longer_line_keeps_its_peaks_its_gaps_and_its_end(sizes: list[int | None]) -> None:
    shown = days(*sizes)
    kept = list(downsample(shown))
    assert set(kept) <= set(shown)
    assert [day.date for day in kept] == sorted(day.date for day in kept)
    known = [size for size in sizes if size is not None]
    left = [day.size for day in kept if day.size is not None]
    assert (min(left, default=None), max(left, default=None)) == (min(known, default=None), max(known, default=None))
    assert shown[-1] in kept
    assert strokes(kept) == strokes(shown), "where the line is broken"


def strokes(shown: list[ReportDay]) -> int:
    return sum(is_known for is_known, _ in groupby(shown, key=lambda day: day.size is not None))


def test_three_years_are_few_points() -> None:
    assert len(list(downsample(days(*(place * place % 20_011 for place in range(1_096)))))) <= MAX_POINTS + 1


def test_a_single_day_and_no_day_at_all_can_be_drawn() -> None:
    assert len(lines(drawn(days(5), {FIRST: 1}))) == 1
    assert lines(drawn(days(), last=0)) == []
    assert lines(drawn(days(None, None))) == []


def test_three_years_stay_small() -> None:
    shown = days(*(place * place % 20_011 for place in range(3 * 365)))
    assert len(size_chart(shown, {on(9): 1}, RUSSIAN, first=FIRST, last=shown[-1].date)) < 10_000
