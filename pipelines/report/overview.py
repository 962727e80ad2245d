"""Overview of an account's views after a load: row counts, sizes, jumps, recent changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from pipelines.report.change_sentences import ChangeSentence, describe_changes
from pipelines.report.jumps import Jump, read_jumps
from pipelines.report.sizes import SizeTrend, read_segments, read_stage_sizes
from pipelines.warehouse.changes import read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import require_account_id

RECENT_PERIOD: Final = timedelta(days=30)

SPARKLINE_DAYS: Final = 60
"""Days of sizes, including the latest: two months show weekly patterns and most of a trend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Overview of an account's views."""

    observed_at: datetime  # of the latest snapshot
    row_counts: Mapping[str, int]  # by view, if counting is cheap
    segments: list[SizeTrend]  # largest first
    stages: list[SizeTrend]  # largest first; empty without scans of customers
    jumps: list[Jump]  # on the latest snapshot's day
    changes: list[ChangeSentence]  # of ``RECENT_PERIOD``, latest first


def read_overview(engine: Engine, account_key: str) -> Overview:
    """Read the overview of an account. Raises ``DatabaseError`` if it has no snapshot yet."""
    with transaction(engine, account=account_key) as connection:
        account_id = require_account_id(connection, account_key)
        key = {"account_id": account_id}
        latest = connection.execute(statement("latest_snapshot"), key).one()
        first_date = latest.observed_date - timedelta(days=SPARKLINE_DAYS - 1)
        return Overview(
            observed_at=latest.observed_at,
            row_counts={row.view_name: int(row.row_count) for row in connection.execute(statement("view_rows"), key)},
            segments=read_segments(connection, account_id, first_date=first_date),
            stages=read_stage_sizes(connection, account_id, first_date=first_date),
            jumps=read_jumps(connection, account_id, first_date=latest.observed_date),
            changes=describe_changes(read_changes(connection, account_id, after=latest.observed_at - RECENT_PERIOD)),
        )
