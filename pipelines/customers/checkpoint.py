"""Pages of a scan as they are stored: each is committed when it was read, so that a killed scan goes on from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import simplejson
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

MAX_AGE: Final = timedelta(hours=1)
"""A scan whose latest page is older starts over: customers have moved on since."""

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every event."""

DENIED_DAYS: Final = 30
"""Days between two requests for a customer that the token's user may not see."""

Kind: TypeAlias = Literal["list", "by_id", "kept", "denied", "sizes", "moves"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EventCoverage:
    """Events that are stored: those from ``since`` on and before ``until``."""

    since: datetime = BEGINNING  # ``BEGINNING``: from the first that amoCRM keeps
    until: datetime = BEGINNING  # ``BEGINNING``: none
    is_complete: bool = True  # none is missing since the scan before


@dataclass(frozen=True, kw_only=True, slots=True)
class ListPosition:
    """Position in the list of customers from which a pass goes on."""

    row_count: int = 0  # of the pages before, if all were full
    page_size: int | None = None  # of the page before; None at the begin


@dataclass(kw_only=True, slots=True)
class Checkpoint:
    """Pages of a scan that is not published yet."""

    engine: Engine
    account_key: str
    account_id: int
    started_at: datetime
    previous: datetime | None  # start of the latest published scan
    events: EventCoverage = EventCoverage()  # until that scan
    positions: dict[str, int] = field(default_factory=dict)  # last number by kind

    def add(
        self,
        kind: Kind,
        rows: Iterable[Sequence[Any]],
        sent_at: datetime,
        received_at: datetime,
        number: int | None = None,
    ) -> None:
        """Commit a page, under the next number of its kind if none is given."""
        self.positions[kind] = self.positions.get(kind, 0) + 1 if number is None else number
        page = {
            "account_id": self.account_id,
            "started_at": self.started_at,
            "kind": kind,
            "number": self.positions[kind],
            "sent_at": sent_at,
            "received_at": received_at,
            "rows": Jsonb(list(rows), dumps=_dump),
        }
        with transaction(self.engine, account=self.account_key) as connection:
            connection.execute(statement("insert_page"), page)

    def missing_customers(self, most: int) -> list[int]:
        """Return ids of customers of the latest published scan that this one has not read, at most so many.

        Those that it read by id, or could not see, are left out.
        """
        return self._select("missing_customers", most)

    def unlisted_customers(self, most: int) -> list[int]:
        """Return the customers that were not listed in the latest published scan either, at most so many.

        Those that the user may not see have their turn on one of ``DENIED_DAYS`` days, by their ids.
        """
        return self._select("unlisted_customers", most)

    def list_position(self, start: int) -> ListPosition:
        """Return where the pass goes on whose numbers begin after ``start``."""
        values = {"account_id": self.account_id, "started_at": self.started_at, "start": start}
        with transaction(self.engine, account=self.account_key) as connection:
            numbers = [start, *connection.scalars(statement("latest_list_numbers"), values)]
        is_begun = len(numbers) > 1
        return ListPosition(row_count=numbers[-1] - start, page_size=numbers[-1] - numbers[-2] if is_begun else None)

    def _select(self, name: str, most: int) -> list[int]:
        """Return the ids that a query selects, at most so many."""
        values = {
            "account_id": self.account_id,
            "started_at": self.started_at,
            "previous": self.previous,
            "forgotten_from": FORGOTTEN_FROM,
            "days": DENIED_DAYS,
            "day": self.started_at.toordinal() % DENIED_DAYS,
            "most": most,
        }
        with transaction(self.engine, account=self.account_key) as connection:
            return list(connection.scalars(statement(name), values))


def open_checkpoint(engine: Engine, account_key: str, account_id: int, now: datetime) -> Checkpoint:
    """Go on with the account's unfinished scan if it is recent; otherwise delete it and begin a new one."""
    values: dict[str, Any] = {"account_id": account_id}
    with transaction(engine, account=account_key) as connection:
        latest = connection.execute(statement("latest_scan"), values).one_or_none()
        scans = connection.execute(statement("unpublished_scans"), values).all()
        is_recent = bool(scans) and timedelta() <= now - scans[0].received_at <= MAX_AGE
        started_at = scans[0].started_at if is_recent else now
        expired = [scan.started_at for scan in scans if scan.started_at != started_at]
        if expired:
            connection.execute(statement("delete_pages"), values | {"starts": expired})
        connection.execute(statement("delete_moves"), values | {"started_at": started_at})  # they are read again
        pages = connection.execute(statement("pages_by_kind"), values | {"started_at": started_at}).all()
    return Checkpoint(
        engine=engine,
        account_key=account_key,
        account_id=account_id,
        started_at=started_at,
        previous=latest.started_at if latest else None,
        events=EventCoverage(since=latest.events_from, until=latest.events_until) if latest else EventCoverage(),
        positions={page.kind: page.number for page in pages},
    )


def _dump(value: Any) -> str:
    return simplejson.dumps(value, use_decimal=True, namedtuple_as_object=False, separators=(",", ":"))
