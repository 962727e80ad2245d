"""Reading the sizes of an account's segments day by day. What they mean is for those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.statements import statement

DAYS: Final = 60
"""Days that are read, the newest snapshot's included: two months show a rhythm of weeks and most of a trend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A segment's sizes on a day of the account; None on a day without a snapshot, and without a usable number."""

    date: date
    last: int | None
    min: int | None
    max: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeSeries:
    """The days of one segment, oldest first; days on which it was not there are missing."""

    segment_id: int
    name: str | None
    days: tuple[Day, ...]


def read_sizes(connection: Connection, account_id: int, *, days: int = DAYS) -> list[SizeSeries]:
    """Series of the segments that the newest snapshot saw, the largest segment first."""
    rows = connection.execute(statement("segment_days"), {"account_id": account_id, "days": days})
    return [
        SizeSeries(
            segment_id=segment_id,
            name=name,
            days=tuple(
                Day(date=row.observed_date, last=row.last_count, min=row.min_count, max=row.max_count) for row in of_one
            ),
        )
        for (segment_id, name), of_one in groupby(rows, key=lambda row: (row.segment_id, row.name))
    ]
