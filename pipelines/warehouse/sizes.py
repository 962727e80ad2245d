"""Read the sizes of an account's segments, current and by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement

DEFAULT_DAYS: Final = 60
"""Days to read, including the latest snapshot's: two months show weekly patterns and most of a
trend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DailySize:
    """A segment's size at the end of a day; None if there was no load that day, or no usable number."""

    date: date
    size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeSeries:
    """A segment of the latest snapshot, with its changes from ``analytics.segment_trends``."""

    segment_id: int
    name: str | None
    size: int | None
    change_1_day: int | None
    change_7_days: int | None
    change_30_days: int | None
    days: tuple[DailySize, ...]  # oldest first; days on which the segment did not exist are missing


def read_sizes(connection: Connection, account_id: int, *, days: int = DEFAULT_DAYS) -> list[SizeSeries]:
    """Read the segments of the latest snapshot, largest first."""
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
