"""The size chart is valid SVG with gaps and plain text."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import date, timedelta
from xml.etree.ElementTree import Element, fromstring

from pipelines.report.figures import ReportDay, SegmentTrend
from pipelines.report.size_picture import LINE_HEIGHT, MAX_SEGMENTS, render_sparklines, to_data_uri

FIRST = date(2026, 3, 1)
SVG = "{http://www.w3.org/2000/svg}"


def series(*sizes: int | None, name: str = "VIP", change: int | None = 5) -> SegmentTrend:
    return SegmentTrend(
        segment_id=51,
        name=name,
        customers_count=sizes[-1] if sizes else None,
        share_percent=None,
        change_1_day=None,
        change_7_days=change,
        change_7_days_percent=None,
        change_30_days=None,
        change_30_days_percent=None,
        days=tuple(
            ReportDay(date=FIRST + timedelta(days=number), size=size, is_observed=size is not None)
            for number, size in enumerate(sizes)
        ),
    )


def drawn(*many: SegmentTrend) -> Element:
    return fromstring(render_sparklines(many))  # noqa: S314 - our own text


def paths(picture: Element) -> list[str]:
    return [path.attrib["d"] for path in picture.iter(f"{SVG}path")]


def texts(picture: Element) -> list[str]:
    return sorted(text.text or "" for text in picture.iter(f"{SVG}text"))


def test_a_line_from_the_smallest_to_the_largest_size() -> None:
    [path] = paths(drawn(series(10, 20, 30)))
    assert path == f"M190 {30 + LINE_HEIGHT}h0l120 -9l120 -9"


def test_a_gap_stays_a_gap_and_a_lone_day_is_a_dot() -> None:
    [path] = paths(drawn(series(10, None, 20, 30)))
    assert path.count("M") == 2
    assert path.startswith(f"M190 {30 + LINE_HEIGHT}h0M")


def test_a_day_on_which_the_segment_was_not_there_is_a_gap() -> None:
    whole = series(10, 20, 30)
    [path] = paths(drawn(replace(whole, days=(whole.days[0], whole.days[2]))))
    assert path.count("M") == 2


def test_a_flat_line_lies_in_the_middle() -> None:
    [path] = paths(drawn(series(7, 7)))
    assert path == f"M190 {30 + LINE_HEIGHT // 2}h0l240 0"


def test_numbers_beside_the_line() -> None:
    head = ["01.03. – 02.03.2026", "7 days", "now"]
    assert texts(drawn(series(1000, 2000, change=-300))) == sorted([*head, "VIP", "2,000", "-300"])
    assert texts(drawn(series(None, None, change=None))) == sorted([*head, "VIP", "–"])


def test_names_are_text_whatever_they_hold() -> None:
    name = "</text><script>&\"'\x00\u202e"
    picture = drawn(series(1, name=name))
    assert "</text><script>&\"'" in texts(picture)
    assert {element.tag for element in picture.iter()} == {f"{SVG}{tag}" for tag in ("svg", "g", "text", "path")}


def test_only_the_first_segments_are_shown() -> None:
    assert len(paths(drawn(*[series(1, 2)] * 50))) == MAX_SEGMENTS


def test_no_segments_at_all() -> None:
    assert "no segments" in texts(drawn())


def test_the_address_holds_the_picture() -> None:
    head, _, data = to_data_uri("<svg>Ё</svg>").partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b64decode(data).decode() == "<svg>Ё</svg>"
