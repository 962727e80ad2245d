"""What the demo's history amounts to, read from the database alone. How it is shown is ``screen``'s subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row

from commands.demo.history import BETWEEN_LOADS
from commands.demo.home import ACCOUNT_KEY
from pipelines.report.events import readable
from pipelines.report.formats import Formats
from pipelines.warehouse.changes import read_changes
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.state import account_of_key
from pipelines.warehouse.statements import statement
from pipelines.wording import Change, News, news

MOST_CHANGES = 200
"""Changes that are looked through for news."""

GAP_HOURS = BETWEEN_LOADS // timedelta(hours=1) + 1
"""Hours without a snapshot from which on a load is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All that is shown; the rows have the columns of the statements ``sql/statements/demo_*.sql``."""

    account: Row[Any]
    segments: Sequence[Row[Any]]
    stages: Sequence[Row[Any]]
    news: Sequence[News]
    gaps: Sequence[Row[Any]]
    row_count: int

    @property
    def timezone(self) -> ZoneInfo:
        """The account's, which its days follow."""
        return ZoneInfo(self.account.timezone)

    def local(self, instant: datetime) -> datetime:
        """The instant as the account's own clocks show it."""
        return instant.astimezone(self.timezone)


def last_observed_at(engine: Engine) -> datetime | None:
    """How far the history has come; None before the first load."""
    with transaction(engine) as connection:
        account_id = account_of_key(connection, ACCOUNT_KEY)
        newest = connection.execute(statement("newest_snapshot"), {"account_id": account_id}).one_or_none()
        return newest.observed_at if newest else None


def newest_news(changes: Iterable[Change], *, timezone: str) -> list[News]:
    """The changes in words, with instants by the account's clocks; of a property only its last."""
    formats = Formats.of_account(None, timezone)
    return news(readable(change, formats) for change in newest_of_each(changes))


def newest_of_each(changes: Iterable[Change]) -> Iterator[Change]:
    """The changes, newest first; of a property that changes again and again only the last time."""
    told = set()
    for change in changes:
        key = (change.thing, change.thing_id, change.property, change.value_field_name)
        if change.property is None or key not in told:
            told.add(key)
            yield change


def read_summary(engine: Engine, *, days: int, news_count: int) -> Summary:
    """The account's state and history, with sizes of so many days and at most so much news."""
    with transaction(engine) as connection:
        account = connection.execute(statement("demo_account"), {"account_key": ACCOUNT_KEY}).one()
        of = {"account_id": account.account_id}
        changes = read_changes(connection, account.account_id, most=MOST_CHANGES)
        return Summary(
            account=account,
            segments=connection.execute(statement("demo_segments"), of | {"days": days}).all(),
            stages=connection.execute(statement("demo_stages"), of).all(),
            news=newest_news(changes, timezone=account.timezone)[:news_count],
            gaps=connection.execute(statement("demo_gaps"), of | {"hours": GAP_HOURS}).all(),
            row_count=connection.execute(statement("demo_row_count"), of).scalar_one(),
        )
