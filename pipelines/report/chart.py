"""A segment's sizes as a picture: SVG by Vega-Lite, in the page's own colours. No text of amoCRM enters it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from xml.etree import ElementTree as ET

import vl_convert

from pipelines.report.figures import Day
from pipelines.report.formats import Formats

WIDTH, HEIGHT = 340, 130
TOP, RIGHT, BOTTOM = 22, 8, 20
NEXT_TO_LABEL, LETTER = 8, 7
"""Room beside the lines, of which the numbers of the axis take so much a letter. It is fixed, so that charts align."""

MARK_WIDTH: Final = 18
"""Units that a mark takes of the chart's width."""

INK, SOFT, GRID, ACCENT, PAPER, BAND = (f"var(--{name})" for name in ("ink", "soft", "grid", "accent", "paper", "band"))
"""Colours of the page: they change with its scheme."""

DAY: Final = timedelta(days=1)

LINE: Final = {
    "type": "line",
    "invalid": "break-paths-show-domains",  # a day without a size is a gap
    "color": ACCENT,
    "strokeWidth": 1.5,
    "strokeJoin": "round",
    "strokeCap": "round",
}

NOT_SEEN: Final = frozenset({"class", "role", "aria-hidden", "aria-roledescription", "pointer-events"})
"""Attributes that mean nothing in a picture whose words stand beside it."""

LOOK: Final = {
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


def size_chart(days: Sequence[Day], marks: Mapping[date, int], formats: Formats, *, first: date, last: date) -> str:
    """SVG of the days from ``first`` to ``last``. A number stands over the days of ``marks``."""
    largest = max((day.size for day in days if day.size is not None), default=0)
    left = NEXT_TO_LABEL + LETTER * len(formats.number(largest + largest // 4))
    svg = vl_convert.vegalite_to_svg(
        {
            "width": WIDTH - left - RIGHT,
            "height": HEIGHT - TOP - BOTTOM,
            "padding": {"left": left, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
            "autosize": "none",
            "background": None,
            "config": LOOK,
            "encoding": {"x": _days_axis(formats, first, last)},
            "layer": [*_layers(days, marks)],
        },
        format_locale=formats.d3_numbers,
    )
    return _lean(svg)


def mark_days(wanted: Sequence[date], *, first: date, last: date) -> dict[date, int]:
    """Numbers for days to be marked, oldest first; days too near to each other to be told apart share one."""
    apart = max((last - first).days * MARK_WIDTH // WIDTH, 0)
    numbers: dict[date, int] = {}
    begun = None
    for day in sorted(set(wanted)):
        if begun is None or (day - begun).days > apart:
            begun = day
            numbers[day] = len(set(numbers.values())) + 1
        else:
            numbers[day] = numbers[begun]
    return numbers


def gaps_of(days: Sequence[Day]) -> Iterator[tuple[date, date]]:
    """Spans without a load: from the last day that had one to the next that has."""
    for is_observed, together in groupby(days, key=lambda day: day.is_observed):
        if not is_observed:
            gap = list(together)
            yield gap[0].date - DAY, gap[-1].date + DAY


def _layers(days: Sequence[Day], marks: Mapping[date, int]) -> Iterator[dict[str, Any]]:
    bands = [{"day": _at(begin), "end": _at(end)} for begin, end in gaps_of(days)]
    if bands:
        yield {"data": {"values": bands}, "mark": {"type": "rect", "color": BAND}, "encoding": {"x2": {"field": "end"}}}
    sizes = {
        "field": "size",
        "type": "quantitative",
        "scale": {"zero": False, "nice": 3},
        "axis": {"tickCount": 3, "tickMinStep": 1, "format": ",d"},
    }
    yield {
        "data": {"values": [{"day": _at(day.date), "size": day.size} for day in days]},
        "mark": LINE,
        "encoding": {"y": sizes},
    }
    runs = [[*together] for is_known, together in groupby(days, key=lambda day: day.size is not None) if is_known]
    ends = [{"day": _at(run[-1].date), "size": run[-1].size} for run in runs if len(run) == 1 or run is runs[-1]]
    yield {
        "data": {"values": ends},
        "mark": {"type": "point", "filled": True, "color": ACCENT, "size": 28, "opacity": 1},
        "encoding": {"y": sizes},
    }
    firsts: dict[int, date] = {}
    for day, number in marks.items():
        firsts.setdefault(number, day)
    if firsts:
        numbers = {"values": [{"day": _at(day), "number": str(number)} for number, day in firsts.items()]}
        yield {"data": numbers, "mark": {"type": "rule", "color": INK, "strokeDash": [2, 3], "opacity": 0.55}}
        yield {
            "data": numbers,
            "mark": {"type": "point", "filled": True, "color": INK, "size": 190, "opacity": 1, "y": -9},
        }
        yield {
            "data": numbers,
            "mark": {"type": "text", "color": PAPER, "fontSize": 10, "font": "system-ui", "y": -8.5, "fontWeight": 600},
            "encoding": {"text": {"field": "number"}},
        }


def _days_axis(formats: Formats, first: date, last: date) -> dict[str, Any]:
    if first == last:
        first, last, values = first - DAY, last + DAY, [first]
    else:
        values = sorted({first, first + (last - first) // 2, last})
    return {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [_at(first), _at(last)], "nice": False},
        "axis": {
            "grid": False,
            "format": formats.d3_day,
            "values": [_at(day) for day in values],
            "labelFlush": True,
            "labelFlushOffset": 2,
        },
    }


def _lean(svg: str) -> str:
    """The picture without what nobody sees of it, which is half of what Vega writes; to a tenth of a pixel."""
    root = ET.fromstring(re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg))  # noqa: S314 - Vega's, of numbers and days
    root.attrib.clear()
    root.attrib |= {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "aria-hidden": "true", "focusable": "false"}
    for parent in root.iter():
        for child in list(parent):
            if child.get("class") == "background" or child.get("display") == "none" or child.get("opacity") == "0":
                parent.remove(child)
            else:
                child.attrib = {name: _short(text) for name, text in child.attrib.items() if name not in NOT_SEEN}
    return ET.tostring(root, encoding="unicode")


def _short(text: str) -> str:
    return re.sub(r"(\.\d)\d+", r"\1", text).replace(".0", "")


def _at(day: date) -> int:
    """The day's beginning for Vega, whose clocks are all set to UTC here."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)
