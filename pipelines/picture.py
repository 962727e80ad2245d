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

ROW_HEIGHT: Final = 26
LINE_LEFT, LINE_WIDTH, LINE_HEIGHT = 190, 240, 18
NUMBER_RIGHT, CHANGE_RIGHT = 490, 560
WIDTH: Final = 570
LONGEST_NAME: Final = 26

# Read on white and on black.
INK, PALE, UP, DOWN, LINE = "#6b7280", "#9ca3af", "#16a34a", "#dc2626", "#4f6ef7"


def size_picture(series: Sequence[SizeSeries]) -> str:
    """SVG of the first segments: name, line of all days given, size now, change over a week. Names are escaped."""
    shown = [one for one in series if one.days][:MOST_SEGMENTS]
    first = min((one.days[0].date for one in shown), default=date.min)
    last = max((one.days[-1].date for one in shown), default=date.min)
    height = ROW_HEIGHT * (len(shown) + 1)
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "width": str(WIDTH),
            "height": str(height),
            "font-family": "system-ui,sans-serif",
            "font-size": "12",
        },
    )
    _text(svg, LINE_LEFT, 16, f"{first:%d.%m.} – {last:%d.%m.%Y}" if shown else "no segments", fill=PALE)
    _text(svg, NUMBER_RIGHT, 16, "now", fill=PALE, anchor="end")
    _text(svg, CHANGE_RIGHT, 16, "7 days", fill=PALE, anchor="end")
    for number, one in enumerate(shown, start=1):
        _row(svg, one, first, last, top=ROW_HEIGHT * number)
    return tostring(svg, encoding="unicode")


def as_data_address(svg: str) -> str:
    """The picture as an address, for where a page takes images only: nothing in it can act or load anything."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _row(svg: Element, series: SizeSeries, first: date, last: date, *, top: int) -> None:
    base = top + 17
    by_date = {day.date: day.size for day in series.days}
    dates = [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
    _text(svg, 0, base, clean(series.name or str(series.segment_id), LONGEST_NAME))
    strokes = " ".join(_strokes([by_date.get(one) for one in dates], top + 4))
    if strokes:
        look = {"fill": "none", "stroke": LINE, "stroke-width": "1.5", "stroke-linecap": "round"}
        SubElement(svg, "path", {"d": strokes} | look)
    _text(svg, NUMBER_RIGHT, base, "–" if series.size is None else f"{series.size:,}", anchor="end")
    change = series.change_7_days
    if change is not None:
        _text(svg, CHANGE_RIGHT, base, f"{change:+,}" if change else "±0", anchor="end", fill=_color(change))


def _strokes(sizes: Sequence[int | None], top: int) -> Iterator[str]:
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
        y = round(top + LINE_HEIGHT * (1 - share))
        yield f"M{x} {y}h0" if before is None else f"l{x - before[0]} {y - before[1]}"
        before = x, y


def _text(svg: Element, x: int, y: int, text: str, *, fill: str | None = None, anchor: str | None = None) -> None:
    attributes = (
        {"x": str(x), "y": str(y)} | ({"fill": fill} if fill else {}) | ({"text-anchor": anchor} if anchor else {})
    )
    SubElement(svg, "text", attributes).text = text


def _color(change: int) -> str:
    return PALE if change == 0 else UP if change > 0 else DOWN
