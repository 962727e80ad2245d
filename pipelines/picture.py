"""Sizes of segments as a small picture: a line each, in SVG that any page can show. Which ones is decided elsewhere.

It is drawn by hand, since it is kept with every load: a line of sixty days takes some 250 bytes. Chart libraries make
30 kB of the same picture, and those that draw well need half as much memory as a whole load.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from pipelines.warehouse.sizes import SizeSeries
from pipelines.wording import clean

MOST_SEGMENTS: Final = 12

ROW_HEIGHT, BASELINE = 26, 17
LINE_LEFT, LINE_TOP, LINE_WIDTH, LINE_HEIGHT = 190, 4, 240, 18
NUMBER_RIGHT, CHANGE_RIGHT, WIDTH = 490, 560, 570
LONGEST_NAME: Final = 26

INK, PALE, UP, DOWN, LINE = "#6b7280", "#9ca3af", "#16a34a", "#dc2626", "#4f6ef7"  # to be read on white and on black

LOOK: Final = {
    "xmlns": "http://www.w3.org/2000/svg",
    "font-family": "system-ui,sans-serif",
    "font-size": "12",
    "fill": INK,
}
LOOK_OF_LINES: Final = {"fill": "none", "stroke": LINE, "stroke-width": "1.5", "stroke-linecap": "round"}


def size_picture(series: Sequence[SizeSeries]) -> str:
    """SVG of the first segments: name, line of all days given, size now, change over a week. Names are escaped."""
    shown = [one for one in series if one.days][:MOST_SEGMENTS]
    first = min((one.days[0].date for one in shown), default=date.min)
    last = max((one.days[-1].date for one in shown), default=date.min)
    dates = [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
    height = str(ROW_HEIGHT * (len(shown) + 1))
    svg = Element("svg", LOOK | {"viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "height": height})
    lines = SubElement(svg, "g", LOOK_OF_LINES)
    numbers = SubElement(svg, "g", {"text-anchor": "end"})
    _text(svg, LINE_LEFT, 0, f"{first:%d.%m.} – {last:%d.%m.%Y}" if shown else "no segments", fill=PALE)
    _text(numbers, NUMBER_RIGHT, 0, "now", fill=PALE)
    _text(numbers, CHANGE_RIGHT, 0, "7 days", fill=PALE)
    for row, one in enumerate(shown, start=1):
        sizes = {day.date: day.size for day in one.days}
        strokes = "".join(_strokes([sizes.get(day) for day in dates], row))
        if strokes:
            SubElement(lines, "path", {"d": strokes})
        change = one.change_7_days
        _text(svg, 0, row, clean(one.name or str(one.segment_id), LONGEST_NAME))
        _text(numbers, NUMBER_RIGHT, row, "–" if one.size is None else f"{one.size:,}")
        if change is not None:
            _text(numbers, CHANGE_RIGHT, row, f"{change:+,}" if change else "0", fill=_color(change))
    return tostring(svg, encoding="unicode")


def as_data_address(svg: str) -> str:
    """The picture as an address, for where a page takes images only: nothing in it can act or load anything."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _strokes(sizes: Sequence[int | None], row: int) -> Iterator[str]:
    """Path data: a stroke for each run of days with a size, so that a gap stays a gap; a lone day is a dot."""
    known = [size for size in sizes if size is not None]
    if not known:
        return
    low, spread = min(known), max(known) - min(known)
    before = None
    for place, size in enumerate(sizes):
        if size is None:
            before = None
            continue
        share = (size - low) / spread if spread else 0.5
        x = round(LINE_LEFT + LINE_WIDTH * place / max(len(sizes) - 1, 1))
        y = round(ROW_HEIGHT * row + LINE_TOP + LINE_HEIGHT * (1 - share))
        yield f"M{x} {y}h0" if before is None else f"l{x - before[0]} {y - before[1]}"
        before = x, y


def _text(parent: Element, x: int, row: int, text: str, *, fill: str = INK) -> None:
    place = {"x": str(x), "y": str(ROW_HEIGHT * row + BASELINE)}
    SubElement(parent, "text", place if fill == INK else place | {"fill": fill}).text = text


def _color(change: int) -> str:
    return PALE if change == 0 else UP if change > 0 else DOWN
