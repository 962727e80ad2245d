"""Latest scan of an account, as it was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Segment whose members are not as many as amoCRM counts, as in ``analytics.member_differences``."""

    segment_id: int
    count_before: int | None
    count_after: int | None
    member_count: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestScan:
    """Counts of a scan, as in ``analytics.scans``, and its differences by segment."""

    started_at: datetime
    customers_count: int
    kept_count: int
    stage_change_count: int
    explained_count: int
    differences: Sequence[Difference]


def read_latest_scan(engine: Engine, account_key: str) -> LatestScan | None:
    """Read the latest published scan of an account; None if there is none."""
    with transaction(engine, account=account_key) as connection:
        scan = (
            connection.execute(statement("latest_scan_of_key"), {"account_key": account_key}).mappings().one_or_none()
        )
        if scan is None:
            return None
        found = connection.execute(statement("differences_of_scan"), dict(scan)).mappings()
        differences = [Difference(**row) for row in found]
    counts = {name: value for name, value in scan.items() if name != "account_id"}
    return LatestScan(**counts, differences=differences)
