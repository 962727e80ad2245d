"""Sizes of segments and stages with their days, and which days without one are gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby, pairwise
from operator import attrgetter
from statistics import median
from typing import Final

from sqlalchemy import Connection

from pipelines.warehouse.queries import statement

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


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeTrend:
    """Size and changes of a segment or stage, with its days, oldest first."""

    place_id: int
    name: str | None
    customers_count: int | None
    share_percent: Decimal | None
    change_1_day: int | None
    change_7_days: int | None
    change_7_days_percent: Decimal | None
    change_30_days: int | None
    change_30_days_percent: Decimal | None
    days: tuple[ReportDay, ...] = ()


def read_segments(connection: Connection, account_id: int, *, first_date: date) -> list[SizeTrend]:
    """Read the segments of the latest snapshot, largest first, with their days from ``first_date`` on."""
    return _read_sizes(connection, "report_segments", "report_days", account_id, first_date)


def read_stage_sizes(connection: Connection, account_id: int, *, first_date: date) -> list[SizeTrend]:
    """Read the sizes of the current stages, largest first, with their days; empty without scans of customers."""
    trends = _read_sizes(connection, "report_stage_sizes", "report_stage_days", account_id, first_date)
    return [replace(trend, days=drop_usual_pauses(trend.days)) for trend in trends]


def _read_sizes(
    connection: Connection, trends_query: str, days_query: str, account_id: int, first_date: date
) -> list[SizeTrend]:
    """Read sizes by the query of their trends, and their days by another."""
    parameters = {"account_id": account_id, "first_date": first_date}
    days = {
        place_id: tuple(ReportDay(date=row.date, size=row.size, is_observed=row.is_observed) for row in rows)
        for place_id, rows in groupby(connection.execute(statement(days_query), parameters), attrgetter("place_id"))
    }
    return [
        SizeTrend(**row._asdict(), days=days.get(row.place_id, ()))
        for row in connection.execute(statement(trends_query), {"account_id": account_id})
    ]


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
