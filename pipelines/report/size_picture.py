"""Sparklines of segment sizes as one small SVG.

Dagster stores the picture with every load, so it must be small: a line of sixty days takes about
250 bytes. Chart libraries produce 30 kB for the same picture, and the good ones need half as much
memory as a whole load.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from pipelines.base.text import display_name
from pipelines.report.figures import SegmentTrend

MAX_SEGMENTS: Final = 12

ROW_HEIGHT, BASELINE = 26, 17
LINE_LEFT, LINE_TOP, LINE_WIDTH, LINE_HEIGHT = 190, 4, 240, 18
NUMBER_RIGHT, CHANGE_RIGHT, WIDTH = 490, 560, 570
MAX_NAME_LENGTH: Final = 26

INK, PALE, UP, DOWN, LINE = "#6b7280", "#9ca3af", "#16a34a", "#dc2626", "#4f6ef7"  # legible on white and on black

SVG_ATTRIBUTES: Final = {
    "xmlns": "http://www.w3.org/2000/svg",
    "font-family": "system-ui,sans-serif",
    "font-size": "12",
    "fill": INK,
}
LINE_ATTRIBUTES: Final = {"fill": "none", "stroke": LINE, "stroke-width": "1.5", "stroke-linecap": "round"}


def render_sparklines(segments: Sequence[SegmentTrend]) -> str:
    """Draw the first ``MAX_SEGMENTS`` segments: name, sparkline, current size, change over a week.

    Escapes names.
    """
    shown = [segment for segment in segments if segment.days][:MAX_SEGMENTS]
    first = min((segment.days[0].date for segment in shown), default=date.min)
    last = max((segment.days[-1].date for segment in shown), default=date.min)
    dates = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    height = str(ROW_HEIGHT * (len(shown) + 1))
    svg = Element("svg", SVG_ATTRIBUTES | {"viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "height": height})
    lines = SubElement(svg, "g", LINE_ATTRIBUTES)
    numbers = SubElement(svg, "g", {"text-anchor": "end"})
    _add_text(svg, LINE_LEFT, 0, f"{first:%d.%m.} – {last:%d.%m.%Y}" if shown else "no segments", fill=PALE)
    _add_text(numbers, NUMBER_RIGHT, 0, "now", fill=PALE)
    _add_text(numbers, CHANGE_RIGHT, 0, "7 days", fill=PALE)
    for row, segment in enumerate(shown, start=1):
        sizes = {day.date: day.size for day in segment.days}
        path = "".join(_path_commands([sizes.get(day) for day in dates], row))
        if path:
            SubElement(lines, "path", {"d": path})
        change, size = segment.change_7_days, segment.customers_count
        _add_text(svg, 0, row, display_name(segment.name, segment.segment_id, MAX_NAME_LENGTH))
        _add_text(numbers, NUMBER_RIGHT, row, "–" if size is None else f"{size:,}")
        if change is not None:
            _add_text(numbers, CHANGE_RIGHT, row, f"{change:+,}" if change else "0", fill=_change_color(change))
    return tostring(svg, encoding="unicode")


def to_data_uri(svg: str) -> str:
    """Encode the SVG as a data URI for an ``img`` element, in which it cannot run scripts or load resources."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _path_commands(sizes: Sequence[int | None], row: int) -> Iterator[str]:
    """Yield the path data: one stroke per run of days with a size, and a dot for a single day."""
    present_sizes = [size for size in sizes if size is not None]
    if not present_sizes:
        return
    smallest, value_range = min(present_sizes), max(present_sizes) - min(present_sizes)
    previous = None
    for position, size in enumerate(sizes):
        if size is None:
            previous = None
            continue
        fraction = (size - smallest) / value_range if value_range else 0.5
        x = round(LINE_LEFT + LINE_WIDTH * position / max(len(sizes) - 1, 1))
        y = round(ROW_HEIGHT * row + LINE_TOP + LINE_HEIGHT * (1 - fraction))
        yield f"M{x} {y}h0" if previous is None else f"l{x - previous[0]} {y - previous[1]}"
        previous = x, y


def _add_text(parent: Element, x: int, row: int, text: str, *, fill: str = INK) -> None:
    position = {"x": str(x), "y": str(ROW_HEIGHT * row + BASELINE)}
    SubElement(parent, "text", position if fill == INK else position | {"fill": fill}).text = text


def _change_color(change: int) -> str:
    return PALE if change == 0 else UP if change > 0 else DOWN
