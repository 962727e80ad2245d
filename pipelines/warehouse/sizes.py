"""Reading the sizes of an account's segments: now, and day by day. What they mean is for those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement

DEFAULT_DAYS: Final = 60
"""Days that are read, the newest snapshot's included: two months show a rhythm of weeks and most of a trend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DailySize:
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
    days: tuple[DailySize, ...]  # oldest first; days on which the segment was not there are missing


def read_sizes(connection: Connection, account_id: int, *, days: int = DEFAULT_DAYS) -> list[SizeSeries]:
    """The segments that the newest snapshot saw, the largest first."""
    rows = connection.execute(statement("segment_days"), {"account_id": account_id, "days": days})
    return [
        SizeSeries(
            segment_id=latest.segment_id,
            name=latest.name,
            size=latest.customers_count,
            change_1_day=latest.change_1_day,
            change_7_days=latest.change_7_days,
            change_30_days=latest.change_30_days,
            days=tuple(DailySize(date=row.observed_date, size=row.last_count) for row in segment_rows),
        )
        for segment_rows in (list(group) for _, group in groupby(rows, key=attrgetter("segment_id")))
        for latest in segment_rows[-1:]
    ]
