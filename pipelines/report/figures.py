"""Figures of the report, read from the views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Engine

from pipelines.amocrm.models import Json
from pipelines.base.timezone import stored_timezone
from pipelines.report.jumps import Jump, read_jumps
from pipelines.report.sizes import SizeTrend, read_segments, read_stage_sizes
from pipelines.warehouse.changes import Change, read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import read_records, statement
from pipelines.warehouse.state import require_account_id

MAX_DAYS: Final = 3 * 366
"""Longest period of the report, including the latest snapshot's day."""

MAX_CHANGES: Final = 1_000
MAX_MOVERS: Final = 5
MAX_ANOMALIES: Final = 50
MAX_FLOWS: Final = 200

SCAN_DAYS: Final = 30
"""Days of the scans of customers whose flows and joins the report sums up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountState:
    """The account's row of ``analytics.freshness``, and the first day of its history."""

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
class Flow:
    """Customers that moved from one stage or segment to another, from ``analytics.place_flows_daily``."""

    from_id: int | None  # None: new customers
    from_name: str | None
    to_id: int | None  # None: gone
    to_name: str | None
    customers_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Joins:
    """Customers that joined and left a segment, from ``analytics.segment_joins_daily``."""

    segment_id: int
    joined_count: int
    left_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StageState:
    """A row of ``analytics.stages``."""

    stage_id: int
    name: str | None
    is_default: bool | None
    type_text: str | None  # name of its type
    state_since_at: datetime
    conditions: Json  # as received
    conditions_text: str | None  # in words


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """A row of ``analytics.segment_movers`` or ``stage_movers``."""

    days: int
    direction: str  # up or down
    place: str  # segment or stage, by the account's mode
    place_id: int
    name: str | None
    before_count: int
    customers_count: int
    change_count: int
    change_percent: Decimal | None


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
    """All figures of an account's report."""

    state: AccountState
    first_date: date  # start of the report's period
    segments: list[SizeTrend]  # largest first
    stage_sizes: list[SizeTrend]  # largest first; empty without scans of customers
    flows: list[Flow]  # between stages, or segments, within ``SCAN_DAYS``; most customers first
    joins: dict[int, Joins]  # by segment; empty without scans
    stages: list[StageState]  # in the account's order
    movers: list[Mover]
    jumps: list[Jump]  # latest first, as all below
    changes: list[Change]
    changes_from: datetime | None  # first snapshot whose changes are complete; None if all changes were read
    gaps: list[Gap]
    anomalies: list[AnomalyPeriod]
    has_all_anomalies: bool


def read_figures(engine: Engine, account_key: str, *, days: int = MAX_DAYS) -> Figures:
    """Read the figures of the ``days`` up to the account's latest snapshot.

    All of them are read in one consistent state of the database. Raises ``DatabaseError`` if there
    is no snapshot yet.
    """
    repeatable_read_engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with transaction(repeatable_read_engine, account=account_key) as connection:
        account_id = require_account_id(connection, account_key)
        key = {"account_id": account_id}
        [state] = read_records(connection, "report_state", key, AccountState)
        zone = stored_timezone(state.timezone)
        first_date = max(state.first_date, state.observed_date - timedelta(days=days - 1))
        after = datetime.combine(first_date, time(), zone)
        parameters = key | {"first_date": first_date, "after": after}
        changes = read_changes(connection, account_id, after=after, limit=MAX_CHANGES)
        scan_parameters = key | {"days": SCAN_DAYS, "most": MAX_FLOWS}
        anomaly_parameters = parameters | {"most": MAX_ANOMALIES + 1}
        anomalies = read_records(connection, "report_anomalies", anomaly_parameters, AnomalyPeriod)
        return Figures(
            state=replace(state, timezone=zone.key),
            first_date=first_date,
            segments=read_segments(connection, account_id, first_date=first_date),
            stage_sizes=read_stage_sizes(connection, account_id, first_date=first_date),
            flows=read_records(connection, "report_flows", scan_parameters, Flow),
            joins={row.segment_id: row for row in read_records(connection, "report_joins", scan_parameters, Joins)},
            stages=read_records(connection, "report_stages", key, StageState),
            movers=read_records(connection, "report_movers", key | {"most": MAX_MOVERS}, Mover),
            jumps=read_jumps(connection, account_id, first_date=first_date),
            changes=changes,
            changes_from=_first_complete_snapshot(connection, changes, parameters),
            gaps=read_gaps(connection, account_id, after=after),
            anomalies=anomalies[:MAX_ANOMALIES],
            has_all_anomalies=len(anomalies) <= MAX_ANOMALIES,
        )


def read_gaps(connection: Connection, account_id: int, *, after: datetime) -> list[Gap]:
    """Read the account's gaps that end after ``after``, latest first."""
    return read_records(connection, "report_gaps", {"account_id": account_id, "after": after}, Gap)


def _first_complete_snapshot(
    connection: Connection, changes: list[Change], parameters: dict[str, Any]
) -> datetime | None:
    """Return the first snapshot whose changes were read if earlier changes were not; else None."""
    if len(changes) < MAX_CHANGES:
        return None
    oldest = changes[-1].observed_at
    is_cut = connection.scalar(statement("report_has_earlier_changes"), parameters | {"before": oldest})
    return oldest if is_cut else None
