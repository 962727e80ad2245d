"""Sizes that left what was usual for their segment. Pure: series in, jumps out.

A size of the newest day is a jump when it lies outside all that the segment's two weeks before had shown, by more than
the allowance: the largest step between two of those days, and at least a tenth of the segment and ten customers. Two
weeks hold a weekly rhythm twice, the smallest and largest size of each day hold a daily one, and the largest step lets
a trend go on. So flat, weekly, daily and steadily growing series raise no alarm, and a campaign's jump does, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipelines.warehouse.sizes import Day, SizeSeries
from pipelines.wording import clean

DAYS_BEFORE: Final = 14
FEWEST_DAYS: Final = 7
"""Observed days before the newest one without which nothing is called usual."""
SMALLEST_SHARE: Final = 0.1
SMALLEST_CHANGE: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Jump:
    """A segment whose newest size is out of the usual."""

    segment_id: int
    name: str | None
    size: int
    usual_from: int  # smallest and largest size of the days before
    usual_to: int

    def __str__(self) -> str:
        who = f"'{clean(self.name)}'" if self.name else str(self.segment_id)
        return f"segment {who}: {self.size:,}, after {self.usual_from:,} to {self.usual_to:,} in the days before"


def jumps(series: Iterable[SizeSeries]) -> list[Jump]:
    """The segments whose newest size is a jump, in the order given."""
    return [jump for one in series if (jump := _jump(one)) is not None]


def _jump(series: SizeSeries) -> Jump | None:
    newest = series.days[-1] if series.days else None
    usual = [day for day in series.days[-1 - DAYS_BEFORE : -1] if day.last is not None]
    if newest is None or newest.last is None or len(usual) < FEWEST_DAYS:
        return None
    low, high = _range(usual)
    allowance = max(SMALLEST_CHANGE, SMALLEST_SHARE * _last(usual[-1]), _largest_step(usual))
    if low - allowance <= newest.last <= high + allowance:
        return None
    return Jump(segment_id=series.segment_id, name=series.name, size=newest.last, usual_from=low, usual_to=high)


def _range(days: Sequence[Day]) -> tuple[int, int]:
    sizes = [size for day in days for size in (day.min, day.max) if size is not None]
    return min(sizes), max(sizes)


def _largest_step(days: Sequence[Day]) -> int:
    return max(abs(_last(later) - _last(earlier)) for earlier, later in pairwise(days))


def _last(day: Day) -> int:
    assert day.last is not None
    return day.last
