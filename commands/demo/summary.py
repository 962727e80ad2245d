"""Summary of the demo's history, read from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row

from commands.demo.home import ACCOUNT_KEY
from commands.demo.simulated_loads import LOAD_INTERVAL
from pipelines.base.language import ENGLISH, Language
from pipelines.base.timezone import stored_timezone
from pipelines.report.change_sentences import ChangeSentence, describe_changes
from pipelines.report.events import localize_values, property_key
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import Change, read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import account_id_for_key

MAX_CHANGES = 200
"""Latest changes that are read for the summary."""

GAP_HOURS = LOAD_INTERVAL // timedelta(hours=1) + 1
"""Hours without a snapshot that count as a gap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Data of the summary; rows have the columns of the queries in ``sql/queries/commands/demo_summary.sql``."""

    account: Row[Any]
    segments: Sequence[Row[Any]]
    stages: Sequence[Row[Any]]
    changes: Sequence[ChangeSentence]
    gaps: Sequence[Row[Any]]
    row_count: int
    language: Language

    @property
    def timezone(self) -> ZoneInfo:
        """The account's timezone."""
        return stored_timezone(self.account.timezone)

    def local(self, instant: datetime) -> datetime:
        """Convert an instant to the account's timezone."""
        return instant.astimezone(self.timezone)


def last_observed_at(engine: Engine) -> datetime | None:
    """Return the instant of the latest snapshot; None before the first load."""
    with transaction(engine) as connection:
        account_id = account_id_for_key(connection, ACCOUNT_KEY)
        latest = connection.execute(statement("latest_snapshot"), {"account_id": account_id}).one_or_none()
        return latest.observed_at if latest else None


def describe_latest_changes(
    changes: Iterable[Change], *, timezone: str, language: Language = ENGLISH
) -> list[ChangeSentence]:
    """Describe changes in the account's timezone; of each property only the latest one."""
    formats = Formats.for_account(None, timezone, language.code)
    return describe_changes((localize_values(change, formats) for change in latest_of_each_property(changes)), language)


def latest_of_each_property(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes, latest first, with only the latest of each property."""
    yielded = set()
    for change in changes:
        if change.property is None or property_key(change) not in yielded:
            yielded.add(property_key(change))
            yield change


def read_summary(engine: Engine, language: Language, *, days: int, change_count: int) -> Summary:
    """Read the account's state and history: sizes of ``days`` days, and at most ``change_count`` changes."""
    with transaction(engine) as connection:
        account = connection.execute(statement("demo_account"), {"account_key": ACCOUNT_KEY}).one()
        parameters = {"account_id": account.account_id}
        changes = read_changes(connection, account.account_id, limit=MAX_CHANGES)
        return Summary(
            account=account,
            segments=connection.execute(statement("demo_segments"), parameters | {"days": days}).all(),
            stages=connection.execute(statement("demo_stages"), parameters).all(),
            changes=describe_latest_changes(changes, timezone=account.timezone, language=language)[:change_count],
            gaps=connection.execute(statement("demo_gaps"), parameters | {"hours": GAP_HOURS}).all(),
            row_count=connection.execute(statement("demo_row_count"), parameters).scalar_one(),
            language=language,
        )
