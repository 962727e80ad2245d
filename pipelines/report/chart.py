"""A segment's sizes as a picture: SVG by Vega-Lite, in the page's own colours. No text of amoCRM enters it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from xml.etree import ElementTree as ET

import vl_convert

from pipelines.report.figures import Day
from pipelines.report.formats import Formats

WIDTH, HEIGHT = 340, 130
TOP, RIGHT, BOTTOM = 22, 8, 20
NEXT_TO_LABEL, LETTER = 8, 7
"""Room beside the lines, of which the numbers of the axis take so much a letter. It is fixed, so that charts align."""

ROW: Final = 17
"""Room above the others for marks that all charts share."""

MOST_POINTS: Final = 366
"""Of a line: a year's days. The picture has no room for more."""

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


def size_chart(
    days: Sequence[Day],
    marks: Mapping[date, int],
    formats: Formats,
    *,
    first: date,
    last: date,
    shared: Mapping[date, int] | None = None,
) -> str:
    """SVG of the days from ``first`` to ``last``.

    A number stands over the days of ``marks``, and above the numbers a letter over those of ``shared``, which all
    charts of a page have.
    """
    largest = max((day.size for day in days if day.size is not None), default=0)
    left = NEXT_TO_LABEL + LETTER * len(formats.number(largest + largest // 4))
    above = ROW if shared else 0
    svg = vl_convert.vegalite_to_svg(
        {
            "width": WIDTH - left - RIGHT,
            "height": HEIGHT - TOP - BOTTOM,
            "padding": {"left": left, "right": RIGHT, "top": TOP + above, "bottom": BOTTOM},
            "autosize": "none",
            "background": None,
            "config": LOOK,
            "encoding": {"x": _days_axis(formats, first, last)},
            "layer": [*_layers(days, marks, shared or {})],
        },
        format_locale=formats.d3_numbers,
    )
    return _lean(svg, HEIGHT + above)


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


def letter(number: int) -> str:
    """What stands for the number of a mark that all charts share: A for 1."""
    return chr(ord("A") + number - 1)


def thinned(days: Sequence[Day]) -> Iterator[Day]:
    """The days of a line: all of a year's; of more, the smallest and the largest of every few days, and the last.

    So peaks stay where they are, and a day without a size still breaks the line.
    """
    if len(days) <= MOST_POINTS:
        yield from days
        return
    few = -(-2 * len(days) // MOST_POINTS)
    for (_, is_known), together in groupby(enumerate(days), key=lambda one: (one[0] // few, one[1].size is not None)):
        near = [day for _, day in together]
        kept = {near[0]} if not is_known else {min(near, key=attrgetter("size")), max(near, key=attrgetter("size"))}
        yield from sorted(kept | ({days[-1]} & {*near}), key=attrgetter("date"))


def gaps_of(days: Sequence[Day]) -> Iterator[tuple[date, date]]:
    """Spans without a load: from the last day that had one to the next that has."""
    for is_observed, together in groupby(days, key=lambda day: day.is_observed):
        if not is_observed:
            gap = list(together)
            yield gap[0].date - DAY, gap[-1].date + DAY


def _layers(days: Sequence[Day], marks: Mapping[date, int], shared: Mapping[date, int]) -> Iterator[dict[str, Any]]:
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
        "data": {"values": [{"day": _at(day.date), "size": day.size} for day in thinned(days)]},
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
    yield from _signs({day: letter(number) for day, number in shared.items()}, shape="square", paint=SOFT, y=-9 - ROW)
    yield from _signs({day: str(number) for day, number in marks.items()}, shape="circle", paint=INK, y=-9)


def _signs(signs: Mapping[date, str], *, shape: str, paint: str, y: float) -> Iterator[dict[str, Any]]:
    """Marks at a height, each with a line down from its day; a sign of several days stands over the first."""
    firsts: dict[str, date] = {}
    for day, sign in signs.items():
        firsts.setdefault(sign, day)
    if not firsts:
        return
    values = {"values": [{"day": _at(day), "sign": sign} for sign, day in firsts.items()]}
    yield {"data": values, "mark": {"type": "rule", "color": paint, "strokeDash": [2, 3], "opacity": 0.55}}
    yield {
        "data": values,
        "mark": {"type": "point", "shape": shape, "filled": True, "color": paint, "size": 190, "opacity": 1, "y": y},
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


def _lean(svg: str, height: int) -> str:
    """The picture without what nobody sees of it, which is half of what Vega writes; to a tenth of a pixel."""
    root = ET.fromstring(re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg))  # noqa: S314 - Vega's, of numbers and days
    root.attrib.clear()
    root.attrib |= {"viewBox": f"0 0 {WIDTH} {height}", "aria-hidden": "true", "focusable": "false"}
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
