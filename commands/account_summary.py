"""Summary of an account's history for the terminal, read from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row

from pipelines.base.language import ENGLISH, Language
from pipelines.base.timezone import stored_timezone
from pipelines.report.change_sentences import ChangeSentence, describe_changes
from pipelines.report.events import localize_values, property_key
from pipelines.report.figures import Gap, read_gaps
from pipelines.report.formats import Formats
from pipelines.report.sizes import SizeTrend, read_segments, read_stage_sizes
from pipelines.warehouse.changes import Change, read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import require_account_id

MAX_CHANGES = 200
"""Latest changes that are read for the summary."""

CHANGE_PERIODS = (timedelta(days=30), timedelta(days=365))
"""Periods in which changes are searched until there are enough: reading those of years takes long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Data of the summary; rows have the columns of the queries in ``sql/queries/commands/account_summary.sql``."""

    days: Sequence[date]  # days of the sizes, oldest first
    account: Row[Any]
    segments: Sequence[SizeTrend]  # largest first
    stages: Sequence[Row[Any]]
    stage_sizes: Sequence[SizeTrend]  # largest first; empty without scans of customers
    changes: Sequence[ChangeSentence]
    gaps: Sequence[Gap]  # latest first
    language: Language

    @property
    def timezone(self) -> ZoneInfo:
        """The account's timezone."""
        return stored_timezone(self.account.timezone)

    def local(self, instant: datetime) -> datetime:
        """Convert an instant to the account's timezone."""
        return instant.astimezone(self.timezone)


def describe_latest_changes(
    changes: Iterable[Change], *, timezone: str, language: Language = ENGLISH
) -> list[ChangeSentence]:
    """Describe changes in the account's timezone; of each property only the latest one."""
    formats = Formats.for_account(None, timezone, language.code)
    latest = latest_of_each_property(changes)
    return describe_changes((localize_values(change, formats) for change in latest), language)


def latest_of_each_property(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes, latest first, with only the latest of each property."""
    yielded = set()
    for change in changes:
        if change.property is None or property_key(change) not in yielded:
            yielded.add(property_key(change))
            yield change


def read_summary(engine: Engine, account_key: str, language: Language, *, days: int, change_count: int) -> Summary:
    """Read the account's state and history: sizes of ``days`` days, and at most ``change_count`` changes.

    Raises ``DatabaseError`` if it has no snapshot yet.
    """
    with transaction(engine, account=account_key) as connection:
        parameters = {"account_id": require_account_id(connection, account_key)}
        account = connection.execute(statement("summary_account"), parameters).one()
        last_date = account.last_observed_at.astimezone(stored_timezone(account.timezone)).date()
        dates = [last_date - timedelta(days=ago) for ago in reversed(range(days))]
        return Summary(
            days=dates,
            account=account,
            segments=read_segments(connection, account.account_id, first_date=dates[0]),
            stage_sizes=read_stage_sizes(connection, account.account_id, first_date=dates[0]),
            stages=connection.execute(statement("summary_stages"), parameters).all(),
            changes=_read_recent_changes(connection, account, language, change_count),
            gaps=read_gaps(connection, account.account_id, after=account.first_observed_at),
            language=language,
        )


def _read_recent_changes(
    connection: Connection, account: Row[Any], language: Language, count: int
) -> list[ChangeSentence]:
    """Read and describe the latest ``count`` changes of the last year."""
    described: list[ChangeSentence] = []
    for period in CHANGE_PERIODS:
        after = account.last_observed_at - period
        changes = read_changes(connection, account.account_id, after=after, limit=MAX_CHANGES)
        described = describe_latest_changes(changes, timezone=account.timezone, language=language)
        if len(described) >= count:
            break
    return described[:count]
