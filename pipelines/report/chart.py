"""Charts of sizes as SVG, in the page's colors.

They contain numbers and days, and no text from amoCRM. ``page.css`` has the styles of their classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, groupby
from operator import attrgetter
from typing import Final

from pipelines.report.formats import Formats
from pipelines.report.sizes import ReportDay

WIDTH, HEIGHT = 340, 130
TOP, RIGHT, BOTTOM = 22, 8, 20
LABEL_GAP, CHARACTER_WIDTH = 8, 7
"""Margin of the axis labels, and width per character in it."""

SHARED_MARKS_HEIGHT: Final = 17
"""Extra height for marks that all charts share."""

MAX_INTERVALS: Final = 4
"""Intervals between the labels of the axis of sizes."""

MAX_POINTS: Final = 366
"""Points of a line: a year of days. The chart has no room for more."""

MARK_WIDTH: Final = 18
"""Width of a mark, in units of the chart."""

SPARKLINE_WIDTH, SPARKLINE_HEIGHT, SPARKLINE_MARGIN = 120, 28, 3

ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scales:
    """Positions of days and sizes in a chart, in its units."""

    first: date
    last: date
    low: int
    high: int
    left: float
    top: float
    width: float
    height: float

    def x(self, day: date) -> str:
        """Return the horizontal position of a day; of days outside of the chart, that of its edge."""
        span = (self.last - self.first).days
        share = min(max((day - self.first).days / span, 0), 1) if span else 0.5
        return _to_coordinate(self.left + self.width * share)

    def y(self, size: int) -> str:
        """Return the vertical position of a size."""
        spread = self.high - self.low
        return _to_coordinate(self.top + self.height * ((self.high - size) / spread if spread else 0.5))


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
    ticks = axis_ticks(*_smallest_and_largest(days))
    left = LABEL_GAP + CHARACTER_WIDTH * max(len(formats.number(tick)) for tick in (ticks[0], ticks[-1]))
    top = TOP + (SHARED_MARKS_HEIGHT if shared else 0)
    scales = Scales(
        first=first,
        last=last,
        low=ticks[0],
        high=ticks[-1],
        left=left,
        top=top,
        width=WIDTH - left - RIGHT,
        height=HEIGHT - TOP - BOTTOM,
    )
    letters = {day: mark_letter(number) for day, number in (shared or {}).items()}
    numbers = {day: str(number) for day, number in marks.items()}
    parts = [
        *_draw_gaps(days, scales),
        *_draw_axis_of_sizes(ticks, scales, formats),
        *_draw_axis_of_days(scales, formats),
        *_draw_line(days, scales),
        *_draw_marks(letters, scales, y=TOP - 9, style="sign shared"),
        *_draw_marks(numbers, scales, y=top - 9, style="sign"),
    ]
    return _wrap_svg(parts, WIDTH, HEIGHT + top - TOP)


def size_sparkline(days: Sequence[ReportDay]) -> str:
    """Draw the days as a line without axes, for a row of a table."""
    if not days:
        return ""
    low, high = _smallest_and_largest(days)
    scales = Scales(
        first=days[0].date,
        last=days[-1].date,
        low=low,
        high=high,
        left=SPARKLINE_MARGIN,
        top=SPARKLINE_MARGIN,
        width=SPARKLINE_WIDTH - 2 * SPARKLINE_MARGIN,
        height=SPARKLINE_HEIGHT - 2 * SPARKLINE_MARGIN,
    )
    return _wrap_svg(_draw_line(days, scales), SPARKLINE_WIDTH, SPARKLINE_HEIGHT)


def axis_ticks(low: int, high: int) -> range:
    """Return the labelled sizes of an axis: round numbers, from at most ``low`` to at least ``high``."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if -(-high // step) - low // step <= MAX_INTERVALS)
    return range(low // step * step, -(-high // step) * step + 1, step)


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


def _smallest_and_largest(days: Sequence[ReportDay]) -> tuple[int, int]:
    sizes = [day.size for day in days if day.size is not None] or [0]
    return min(sizes), max(sizes)


def _draw_gaps(days: Sequence[ReportDay], scales: Scales) -> Iterator[str]:
    """Shade the spans without a load."""
    top, bottom = scales.y(scales.high), scales.y(scales.low)
    for begin, end in find_gaps(days):
        yield f'<path class="band" d="M{scales.x(begin)} {top}V{bottom}H{scales.x(end)}V{top}z"/>'


def _draw_axis_of_sizes(ticks: range, scales: Scales, formats: Formats) -> Iterator[str]:
    lines = "".join(f"M{_to_coordinate(scales.left)} {scales.y(tick)}h{_to_coordinate(scales.width)}" for tick in ticks)
    yield f'<path class="grid" d="{lines}"/>'
    x = _to_coordinate(scales.left - 5)
    for tick in ticks:
        yield f'<text class="y" x="{x}" y="{scales.y(tick)}">{formats.number(tick)}</text>'


def _draw_axis_of_days(scales: Scales, formats: Formats) -> Iterator[str]:
    """Label the first, the middle and the last day."""
    first, last = scales.first, scales.last
    labels = {first + (last - first) // 2: "middle", first: "start", last: "end"} if first < last else {first: "middle"}
    for day, anchor in labels.items():
        y = _to_coordinate(scales.top + scales.height + 16)
        yield f'<text x="{scales.x(day)}" y="{y}" text-anchor="{anchor}">{formats.day(day)}</text>'


def _draw_line(days: Sequence[ReportDay], scales: Scales) -> Iterator[str]:
    """Draw the sizes. A day without a size interrupts the line; single days and the last one are dots."""
    runs = [list(run) for has_size, run in groupby(downsample(days), lambda day: day.size is not None) if has_size]
    points = [[f"{scales.x(day.date)} {scales.y(day.size)}" for day in run if day.size is not None] for run in runs]
    if points:
        yield f'<path class="line" d="{"".join("M" + "L".join(run) for run in points)}"/>'
    for run in points:
        if len(run) == 1 or run is points[-1]:
            yield f'<path class="dot" d="M{run[-1]}h0"/>'


def _draw_marks(labels: Mapping[date, str], scales: Scales, *, y: float, style: str) -> Iterator[str]:
    """Draw marks at height ``y``, each with a vertical line; a label of several days marks the first."""
    firsts: dict[str, date] = {}
    for day, label in labels.items():
        firsts.setdefault(label, day)
    for label, day in firsts.items():
        x = scales.x(day)
        yield f'<path class="rule" d="M{x} {y}V{scales.y(scales.low)}"/><path class="{style}" d="M{x} {y}h0"/>'
        yield f'<text class="sign" x="{x}" y="{y}">{label}</text>'


def _wrap_svg(parts: Iterable[str], width: int, height: int) -> str:
    """Wrap the parts. The drawing is hidden from screen readers, which read the table beside it."""
    return f'<svg viewBox="0 0 {width} {height}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'


def _to_coordinate(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
