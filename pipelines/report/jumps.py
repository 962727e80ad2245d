"""Jumps of sizes, with the customers who came and went around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from pipelines.report.place_flows import PlaceCount, PlaceFlows
from pipelines.warehouse.queries import read_records, statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Jump:
    """A row of ``analytics.segment_jumps`` or ``stage_jumps``."""

    place: str  # segment or stage
    place_id: int
    name: str | None
    previous_date: date
    previous_count: int
    observed_date: date
    last_count: int
    change_count: int
    usual_change_count: Decimal
    missed_days: int
    observed_at: datetime
    changed_things: str | None  # entities that changed around it, by name, in English
    changes_around: Sequence[Mapping[str, Any]]  # these changes
    joined_count: int | None = None  # by the scans around it; None without them
    left_count: int | None = None
    unexplained_percent: Decimal | None = None
    flows: PlaceFlows | None = None  # by these scans


def read_jumps(connection: Connection, account_id: int, *, first_date: date) -> list[Jump]:
    """Read the account's jumps from ``first_date`` on, latest first, with their flows if there are scans."""
    parameters = {"account_id": account_id, "first_date": first_date}
    jumps = read_records(connection, "report_jumps", parameters, Jump)
    if all(jump.joined_count is None for jump in jumps):
        return jumps
    counts: dict[tuple[str, int, date, bool], list[PlaceCount]] = {}
    for row in connection.execute(statement("report_jump_flows"), parameters):
        count = PlaceCount(row.other_id, row.other_name, row.customers_count)
        counts.setdefault((row.place, row.place_id, row.observed_date, row.is_joined), []).append(count)
    return [_with_flows(jump, counts) for jump in jumps]


def _with_flows(jump: Jump, counts: Mapping[tuple[str, int, date, bool], Sequence[PlaceCount]]) -> Jump:
    """Add the flows around a jump, if scans are around it."""
    if jump.joined_count is None:
        return jump
    key = (jump.place, jump.place_id, jump.observed_date)
    flows = PlaceFlows(
        place=jump.place,
        change_count=jump.change_count,
        came=counts.get((*key, True), ()),
        went=counts.get((*key, False), ()),
    )
    return replace(jump, flows=flows)
