"""Sizes of a segment or stage by day, and which days without one are gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Final

NEAR: Final = 7
"""Distances before and after one that tell the usual distance around it."""

MIN_NEAR: Final = 4
"""With fewer distances, none is usual."""

MAX_SHARE: Final = 1.5
"""A distance that is longer, in usual ones, has a gap; as in the view ``gaps``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportDay:
    """Size of a segment or stage at the end of a day; None without a load or scan, or a usable number."""

    date: date
    size: int | None
    is_observed: bool


def drop_usual_pauses(days: Sequence[ReportDay]) -> tuple[ReportDay, ...]:
    """Leave out days without a scan between two that are as far apart as usual, such as those of weekly scans.

    A line then connects the two. Days of longer pauses stay, and are gaps.
    """
    positions = [number for number, day in enumerate(days) if day.is_observed]
    distances = [end - start for start, end in pairwise(positions)]
    dropped: set[int] = set()
    for number, (start, end) in enumerate(pairwise(positions)):
        near = distances[max(number - NEAR, 0) : number + NEAR + 1]
        if len(near) >= MIN_NEAR and end - start <= MAX_SHARE * median(near):
            dropped.update(range(start + 1, end))
    return tuple(day for number, day in enumerate(days) if number not in dropped)
