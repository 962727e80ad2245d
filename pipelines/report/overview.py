"""What the views show of an account now, in a few numbers: for whoever reports on a load. How it is shown is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Engine

from pipelines.base.errors import DatabaseError
from pipelines.report.change_sentences import ChangeSentence, describe_changes
from pipelines.warehouse.changes import read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.sizes import SizeSeries, read_sizes
from pipelines.warehouse.state import account_id_for_key

RECENT_PERIOD: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestJump:
    """A row of ``analytics.segment_jumps``; its columns' comments say what they mean."""

    segment_id: int
    name: str | None
    previous_date: date
    previous_count: int
    last_count: int
    usual_change_count: Decimal
    changed_things: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """An account's views at a glance."""

    observed_at: datetime  # the newest snapshot
    row_counts: Mapping[str, int]  # by view, where counting is cheap
    sizes: list[SizeSeries]  # the largest segment first
    jumps: list[LatestJump]  # on the account's newest day
    changes: list[ChangeSentence]  # what changed in the thirty days before the newest snapshot, the newest first


def read_overview(engine: Engine, account_key: str) -> Overview:
    """The overview of an account. Raises ``DatabaseError`` where it has no snapshot yet."""
    with transaction(engine, account=account_key) as connection:
        account_id = account_id_for_key(connection, account_key)
        if account_id is None:
            raise DatabaseError("it has no snapshot yet.", account=account_key, advice="Load the account first.")
        key = {"account_id": account_id}
        latest = connection.execute(statement("newest_snapshot"), key).one()
        jumps = connection.execute(statement("newest_jumps"), key | {"observed_date": latest.observed_date})
        return Overview(
            observed_at=latest.observed_at,
            row_counts={row.view_name: int(row.row_count) for row in connection.execute(statement("view_rows"), key)},
            sizes=read_sizes(connection, account_id),
            jumps=[LatestJump(**row._asdict()) for row in jumps],
            changes=describe_changes(read_changes(connection, account_id, after=latest.observed_at - RECENT_PERIOD)),
        )
