"""Reading the sizes of an account's segments: now, and day by day. What they mean is for those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.statements import statement

DAYS: Final = 60
"""Days that are read, the newest snapshot's included: two months show a rhythm of weeks and most of a trend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A day of the account, and the segment's size at its end; None where nobody looked, or no usable number came."""

    date: date
    size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeSeries:
    """A segment of the newest snapshot, with the changes that ``analytics.segment_trends`` shows."""

    segment_id: int
    name: str | None
    size: int | None
    change_1_day: int | None
    change_7_days: int | None
    change_30_days: int | None
    days: tuple[Day, ...]  # oldest first; days on which the segment was not there are missing


def read_sizes(connection: Connection, account_id: int, *, days: int = DAYS) -> list[SizeSeries]:
    """The segments that the newest snapshot saw, the largest first."""
    rows = connection.execute(statement("segment_days"), {"account_id": account_id, "days": days})
    return [
        SizeSeries(
            segment_id=newest.segment_id,
            name=newest.name,
            size=newest.customers_count,
            change_1_day=newest.change_1_day,
            change_7_days=newest.change_7_days,
            change_30_days=newest.change_30_days,
            days=tuple(Day(date=row.observed_date, size=row.last_count) for row in of_one),
        )
        for of_one in (list(group) for _, group in groupby(rows, key=attrgetter("segment_id")))
        for newest in of_one[-1:]
    ]
