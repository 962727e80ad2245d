"""Chart of a segment's sizes: SVG by Vega-Lite, in the page's colours.

Contains no text from amoCRM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from xml.etree import ElementTree as ET

import vl_convert

from pipelines.report.figures import ReportDay
from pipelines.report.formats import Formats

WIDTH, HEIGHT = 340, 130
TOP, RIGHT, BOTTOM = 22, 8, 20
LABEL_GAP, CHARACTER_WIDTH = 8, 7
"""Margin of the axis labels, and width per character in it. Fixed, so that charts align."""

SHARED_MARKS_HEIGHT: Final = 17
"""Extra height for marks that all charts share."""

MAX_POINTS: Final = 366
"""Points of a line: a year of days. The chart has no room for more."""

MARK_WIDTH: Final = 18
"""Width of a mark, in units of the chart."""

INK, SOFT, GRID, ACCENT, PAPER, BAND = (f"var(--{name})" for name in ("ink", "soft", "grid", "accent", "paper", "band"))
"""CSS variables of the page, which follow its light or dark scheme."""

ONE_DAY: Final = timedelta(days=1)

LINE_MARK: Final = {
    "type": "line",
    "invalid": "break-paths-show-domains",  # a day without a size interrupts the line
    "color": ACCENT,
    "strokeWidth": 1.5,
    "strokeJoin": "round",
    "strokeCap": "round",
}

INVISIBLE_ATTRIBUTES: Final = frozenset({"class", "role", "aria-hidden", "aria-roledescription", "pointer-events"})
"""Attributes to remove: the chart is hidden from screen readers, which read the table beside it."""

VEGA_CONFIG: Final = {
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "labelFont": "system-ui, sans-serif",
        "labelFontSize": 11,
        "labelColor": SOFT,
        "labelPadding": 5,
        "gridColor": GRID,
        "title": None,
    },
}


def size_chart(
    days: Sequence[ReportDay],
    marks: Mapping[date, int],
    formats: Formats,
    *,
    first: date,
    last: date,
    shared: Mapping[date, int] | None = None,
) -> str:
    """Draw the days from ``first`` to ``last`` as SVG.

    Numbers mark the days of ``marks``. Letters above them mark the days of ``shared``, which all
    charts of a page have.
    """
    largest = max((day.size for day in days if day.size is not None), default=0)
    # A quarter more: the axis ends at a round number above the largest size.
    left = LABEL_GAP + CHARACTER_WIDTH * len(formats.number(largest + largest // 4))
    extra_height = SHARED_MARKS_HEIGHT if shared else 0
    svg = vl_convert.vegalite_to_svg(
        {
            "width": WIDTH - left - RIGHT,
            "height": HEIGHT - TOP - BOTTOM,
            "padding": {"left": left, "right": RIGHT, "top": TOP + extra_height, "bottom": BOTTOM},
            "autosize": "none",
            "background": None,
            "config": VEGA_CONFIG,
            "encoding": {"x": _x_axis(formats, first, last)},
            "layer": [*_layers(days, marks, shared or {})],
        },
        format_locale=formats.d3_numbers,
    )
    return _minify_svg(svg, HEIGHT + extra_height)


def number_marks(days: Sequence[date], *, first: date, last: date) -> dict[date, int]:
    """Number the marked days, oldest first.

    Days too close to be distinguished in the chart share a number.
    """
    min_distance = max((last - first).days * MARK_WIDTH // WIDTH, 0)
    numbers: dict[date, int] = {}
    group_start = None
    for day in sorted(set(days)):
        if group_start is None or (day - group_start).days > min_distance:
            group_start = day
            numbers[day] = len(set(numbers.values())) + 1
        else:
            numbers[day] = numbers[group_start]
    return numbers


def mark_letter(number: int) -> str:
    """Return the letter of a shared mark: A for 1."""
    return chr(ord("A") + number - 1)


def downsample(days: Sequence[ReportDay]) -> Iterator[ReportDay]:
    """Reduce the days to at most ``MAX_POINTS``: the smallest and largest of every few days, and the last day.

    This keeps peaks, and days without a size still interrupt the line.
    """
    if len(days) <= MAX_POINTS:
        yield from days
        return
    bucket_size = -(-2 * len(days) // MAX_POINTS)
    for (_, has_size), group in groupby(
        enumerate(days), key=lambda item: (item[0] // bucket_size, item[1].size is not None)
    ):
        bucket = [day for _, day in group]
        extremes = (
            {bucket[0]} if not has_size else {min(bucket, key=attrgetter("size")), max(bucket, key=attrgetter("size"))}
        )
        yield from sorted(extremes | ({days[-1]} & {*bucket}), key=attrgetter("date"))


def find_gaps(days: Sequence[ReportDay]) -> Iterator[tuple[date, date]]:
    """Yield spans without a load, from the last day with one to the next."""
    for is_observed, group in groupby(days, key=lambda day: day.is_observed):
        if not is_observed:
            gap = list(group)
            yield gap[0].date - ONE_DAY, gap[-1].date + ONE_DAY


def _layers(
    days: Sequence[ReportDay], marks: Mapping[date, int], shared: Mapping[date, int]
) -> Iterator[dict[str, Any]]:
    """Yield the Vega-Lite layers: gaps, the line, ends and single points, shared marks, numbered marks."""
    bands = [{"day": _epoch_milliseconds(begin), "end": _epoch_milliseconds(end)} for begin, end in find_gaps(days)]
    if bands:
        yield {"data": {"values": bands}, "mark": {"type": "rect", "color": BAND}, "encoding": {"x2": {"field": "end"}}}
    sizes = {
        "field": "size",
        "type": "quantitative",
        "scale": {"zero": False, "nice": 3},
        "axis": {"tickCount": 3, "tickMinStep": 1, "format": ",d"},
    }
    yield {
        "data": {"values": [{"day": _epoch_milliseconds(day.date), "size": day.size} for day in downsample(days)]},
        "mark": LINE_MARK,
        "encoding": {"y": sizes},
    }
    runs = [[*group] for has_size, group in groupby(days, key=lambda day: day.size is not None) if has_size]
    ends = [
        {"day": _epoch_milliseconds(run[-1].date), "size": run[-1].size}
        for run in runs
        if len(run) == 1 or run is runs[-1]
    ]
    yield {
        "data": {"values": ends},
        "mark": {"type": "point", "filled": True, "color": ACCENT, "size": 28, "opacity": 1},
        "encoding": {"y": sizes},
    }
    yield from _mark_layers(
        {day: mark_letter(number) for day, number in shared.items()},
        shape="square",
        fill=SOFT,
        y=-9 - SHARED_MARKS_HEIGHT,
    )
    yield from _mark_layers({day: str(number) for day, number in marks.items()}, shape="circle", fill=INK, y=-9)


def _mark_layers(labels: Mapping[date, str], *, shape: str, fill: str, y: float) -> Iterator[dict[str, Any]]:
    """Yield layers of marks at height ``y``, each with a vertical line; a label of several days marks the first."""
    firsts: dict[str, date] = {}
    for day, label in labels.items():
        firsts.setdefault(label, day)
    if not firsts:
        return
    values = {"values": [{"day": _epoch_milliseconds(day), "sign": label} for label, day in firsts.items()]}
    yield {"data": values, "mark": {"type": "rule", "color": fill, "strokeDash": [2, 3], "opacity": 0.55}}
    yield {
        "data": values,
        "mark": {"type": "point", "shape": shape, "filled": True, "color": fill, "size": 190, "opacity": 1, "y": y},
    }
    yield {
        "data": values,
        "mark": {
            "type": "text",
            "color": PAPER,
            "fontSize": 10,
            "font": "system-ui",
            "y": y + 0.5,
            "fontWeight": 600,
        },
        "encoding": {"text": {"field": "sign"}},
    }


def _x_axis(formats: Formats, first: date, last: date) -> dict[str, Any]:
    """Build the time axis, labelled at its start, middle and end."""
    if first == last:
        first, last, values = first - ONE_DAY, last + ONE_DAY, [first]
    else:
        values = sorted({first, first + (last - first) // 2, last})
    return {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [_epoch_milliseconds(first), _epoch_milliseconds(last)], "nice": False},
        "axis": {
            "grid": False,
            "format": formats.d3_day,
            "values": [_epoch_milliseconds(day) for day in values],
            "labelFlush": True,
            "labelFlushOffset": 2,
        },
    }


def _minify_svg(svg: str, height: int) -> str:
    """Remove invisible elements and attributes, half of Vega's output, and round to a tenth of a pixel."""
    root = ET.fromstring(re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg))  # noqa: S314 - Vega's, of numbers and days
    root.attrib.clear()
    root.attrib |= {"viewBox": f"0 0 {WIDTH} {height}", "aria-hidden": "true", "focusable": "false"}
    for parent in root.iter():
        for child in list(parent):
            if child.get("class") == "background" or child.get("display") == "none" or child.get("opacity") == "0":
                parent.remove(child)
            else:
                child.attrib = {
                    name: _round_numbers(text)
                    for name, text in child.attrib.items()
                    if name not in INVISIBLE_ATTRIBUTES
                }
    return ET.tostring(root, encoding="unicode")


def _round_numbers(text: str) -> str:
    return re.sub(r"(\.\d)\d+", r"\1", text).replace(".0", "")


def _epoch_milliseconds(day: date) -> int:
    """Convert a day to the timestamp of its start in UTC, the timezone of the charts' axes."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)
