"""What the report tells, read from the views; nothing is computed that a view says. How it is shown: ``page``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row

from pipelines.amocrm.models import Json
from pipelines.base.errors import DatabaseError
from pipelines.warehouse.changes import Change, read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import account_id_for_key

MAX_DAYS: Final = 3 * 366
"""Days that the report looks back at most, the newest snapshot's included."""

MAX_CHANGES: Final = 1_000
MAX_MOVERS: Final = 5
MAX_ANOMALIES: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountState:
    """The account, from ``analytics.freshness``, and the first day of its history."""

    account_key: str
    name: str | None
    customers_mode: str
    timezone: str
    country: str | None
    observed_at: datetime
    observed_date: date
    usual_seconds: int | None
    is_late: bool
    failure_count: int
    last_message: str | None
    first_date: date
    snapshot_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportDay:
    """A day of the account; no size where there was no load that day, or no usable number."""

    date: date
    size: int | None
    is_observed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentTrend:
    """A row of ``analytics.segment_trends``, with the segment's days, oldest first."""

    segment_id: int
    name: str | None
    customers_count: int | None
    share_percent: Decimal | None
    change_1_day: int | None
    change_7_days: int | None
    change_7_days_percent: Decimal | None
    change_30_days: int | None
    change_30_days_percent: Decimal | None
    days: tuple[ReportDay, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StageState:
    """A row of ``analytics.stages``."""

    stage_id: int
    name: str | None
    is_default: bool | None
    state_since_at: datetime
    conditions: Json  # as received


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """A row of ``analytics.segment_movers``."""

    days: int
    direction: str  # up or down
    segment_id: int
    name: str | None
    before_count: int
    customers_count: int
    change_count: int
    change_percent: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Jump:
    """A row of ``analytics.segment_jumps``."""

    segment_id: int
    name: str | None
    observed_date: date
    last_count: int
    change_count: int
    usual_change_count: Decimal
    missed_days: int
    observed_at: datetime
    changed_things: str | None  # what changed around it, by name


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A row of ``analytics.gaps``."""

    after_at: datetime
    until_at: datetime | None
    gap_seconds: int
    missed_count: int
    missed_days: int
    failure_count: int
    errors: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyPeriod:
    """A row of ``analytics.data_quality``."""

    kind: str
    thing: str
    thing_id: int | None
    thing_name: str | None
    detail: str
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All that the report tells of an account."""

    state: AccountState
    segments: list[SegmentTrend]  # the largest first
    stages: list[StageState]  # in their order
    movers: list[Mover]
    jumps: list[Jump]  # the newest first, as all below
    changes: list[Change]
    changes_from: datetime | None  # the first snapshot whose changes are here, where those of earlier ones are left out
    gaps: list[Gap]
    anomalies: list[AnomalyPeriod]
    has_all_anomalies: bool


def read_figures(engine: Engine, account_key: str, *, days: int = MAX_DAYS) -> Figures:
    """The account as its newest snapshot and so many days up to it have it.

    All is of one moment, whatever is loaded meanwhile. Raises ``DatabaseError`` where there is no snapshot yet.
    """
    repeatable_read_engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with transaction(repeatable_read_engine, account=account_key) as connection:
        account_id = account_id_for_key(connection, account_key)
        if account_id is None:
            raise DatabaseError("it has no snapshot yet.", account=account_key, advice="Load the account first.")
        key = {"account_id": account_id}
        state = AccountState(**_fetch_rows(connection, "report_state", key)[0]._asdict())
        first_date = max(state.first_date, state.observed_date - timedelta(days=days - 1))
        after = datetime.combine(first_date, time(), ZoneInfo(state.timezone))
        parameters = key | {"first_date": first_date, "after": after}
        days_by_segment = {
            segment_id: tuple(ReportDay(date=row.date, size=row.size, is_observed=row.is_observed) for row in rows)
            for segment_id, rows in groupby(
                _fetch_rows(connection, "report_days", parameters), key=attrgetter("segment_id")
            )
        }
        changes = read_changes(connection, account_id, after=after, limit=MAX_CHANGES)
        anomalies = _fetch_rows(connection, "report_quality", parameters | {"most": MAX_ANOMALIES + 1})
        return Figures(
            state=state,
            segments=[
                SegmentTrend(**row._asdict(), days=days_by_segment.get(row.segment_id, ()))
                for row in _fetch_rows(connection, "report_segments", key)
            ],
            stages=[StageState(**row._asdict()) for row in _fetch_rows(connection, "report_stages", key)],
            movers=[
                Mover(**row._asdict()) for row in _fetch_rows(connection, "report_movers", key | {"most": MAX_MOVERS})
            ],
            jumps=[Jump(**row._asdict()) for row in _fetch_rows(connection, "report_jumps", parameters)],
            changes=changes,
            changes_from=_first_complete_snapshot(connection, changes, parameters),
            gaps=[Gap(**row._asdict()) for row in _fetch_rows(connection, "report_gaps", parameters)],
            anomalies=[AnomalyPeriod(**row._asdict()) for row in anomalies[:MAX_ANOMALIES]],
            has_all_anomalies=len(anomalies) <= MAX_ANOMALIES,
        )


def _first_complete_snapshot(
    connection: Connection, changes: list[Change], parameters: dict[str, Any]
) -> datetime | None:
    """The first snapshot whose changes were read, if there are earlier ones that were not."""
    if len(changes) < MAX_CHANGES:
        return None
    oldest = changes[-1].observed_at
    is_cut = connection.scalar(statement("report_has_earlier_changes"), parameters | {"before": oldest})
    return oldest if is_cut else None


def _fetch_rows(connection: Connection, name: str, values: dict[str, Any]) -> list[Row[Any]]:
    return list(connection.execute(statement(name), values))
