"""Pages of a scan as they are stored: each is committed when it was read, so that a killed scan goes on from them.

One process owns a scan. Another one that goes on with it takes it over, and the first one stops.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import simplejson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine

from pipelines.base.clock import Clock
from pipelines.base.errors import SettingsError, Superseded
from pipelines.base.text import format_duration
from pipelines.customers.events import EventCoverage
from pipelines.customers.forgotten import read_forgotten
from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

MAX_AGE: Final = timedelta(hours=1)
"""A scan whose latest page is older starts over: customers have moved on since."""

TICK: Final = timedelta(microseconds=1)
"""Smallest difference of two instants in Postgres."""

MAX_SKEW: Final = timedelta(minutes=1)
"""Tolerance for an earlier read that is ahead of this machine's clock: other machines scan, too."""

DENIED_DAYS: Final = 30
"""Days between two requests for a customer that the token's user may not see."""

Kind: TypeAlias = Literal["list", "by_id", "kept", "denied", "sizes", "moves"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ListPosition:
    """Position in the list of customers from which a pass goes on."""

    row_count: int = 0  # of the pages before, if all were full
    page_size: int | None = None  # of the page before; None at the begin


@dataclass(kw_only=True, slots=True)
class Checkpoint:
    """Pages of a scan that is not published yet."""

    engine: Engine
    data_dir: Path  # with the key of forgotten customers
    account_key: str
    account_id: int
    started_at: datetime
    owner: str  # random: names this process
    previous: datetime | None  # start of the latest published scan
    is_beginning: bool  # no customers are known: the first scan, or the first one after all were forgotten
    events: EventCoverage = field(default_factory=EventCoverage)  # until that scan
    earliest: datetime  # all reads of this scan and the previous one are from before
    positions: dict[str, int] = field(default_factory=dict)  # last number by kind

    def add(
        self,
        kind: Kind,
        rows: Iterable[Sequence[Any]],
        sent_at: datetime,
        received_at: datetime,
        number: int | None = None,
    ) -> None:
        """Commit a page, under the next number of its kind if none is given. Raises ``Superseded``.

        Customers that were forgotten, perhaps while the scan runs, are left out.
        """
        latest = self.positions.get(kind, 0)
        self.positions[kind] = latest + 1 if number is None else number
        with transaction(self.engine, account=self.account_key) as connection:
            self.require_ownership(connection)
            if self.positions[kind] < latest:  # the list is read from its begin, so what came later is not its end
                values = {"account_id": self.account_id, "started_at": self.started_at, "kind": kind}
                connection.execute(statement("delete_later_pages"), values | {"number": self.positions[kind]})
            if kind != "sizes":
                is_forgotten = read_forgotten(connection, self.data_dir, self.account_id)
                rows = [row for row in rows if not is_forgotten(row[0])]
            page = {
                "account_id": self.account_id,
                "started_at": self.started_at,
                "kind": kind,
                "number": self.positions[kind],
                "sent_at": sent_at,
                "received_at": received_at,
                "rows": Jsonb(list(rows), dumps=_dump),
            }
            connection.execute(statement("insert_page"), page)

    def require_ownership(self, connection: Connection) -> None:
        """Lock the account. Raises ``Superseded`` if another process took the scan over, or deleted it."""
        values = {"account_id": self.account_id, "started_at": self.started_at}
        connection.execute(statement("lock_account"), values)
        if connection.scalar(statement("scan_owner"), values) != self.owner:
            raise Superseded(
                "another scan of the account goes on with what this one read, or it was deleted.",
                account=self.account_key,
                advice="Nothing to do if another scan runs; otherwise scan again.",
            )

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


def open_checkpoint(engine: Engine, data_dir: Path, account_key: str, account_id: int, now: datetime) -> Checkpoint:
    """Go on with the account's unfinished scan if it is recent; otherwise delete it and begin a new one.

    Raises ``SettingsError`` if the clock was set back, or if the key of forgotten customers is missing.
    """
    values: dict[str, Any] = {"account_id": account_id, "owner": secrets.token_hex(8)}
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("lock_account"), values)
        read_forgotten(connection, data_dir, account_id)
        latest = connection.execute(statement("latest_scan"), values).one_or_none()
        if latest:
            _raise_if_behind(now, latest.ended_at)
        scans = connection.execute(statement("unpublished_scans"), values).all()
        is_recent = bool(scans) and -MAX_SKEW <= now - scans[0].received_at <= MAX_AGE
        reads = [latest.ended_at] if latest else []
        reads += [scans[0].received_at] if is_recent else []
        earliest = max([now, *(read_at + TICK for read_at in reads)])
        started_at = scans[0].started_at if is_recent else earliest
        expired = [scan.started_at for scan in scans if scan.started_at != started_at]
        if expired:
            connection.execute(statement("delete_pages"), values | {"starts": expired})
        values["started_at"] = started_at
        # What a scan reads after the customers is read again.
        for name in ("claim_scan", "delete_moves", "delete_last_sizes"):
            connection.execute(statement(name), values)
        pages = connection.execute(statement("pages_by_kind"), values).all()
        is_beginning = latest is None or not connection.scalar(
            statement("has_pages"), values | {"started_at": latest.started_at}
        )
    return Checkpoint(
        engine=engine,
        data_dir=data_dir,
        account_key=account_key,
        account_id=account_id,
        started_at=started_at,
        owner=values["owner"],
        previous=latest.started_at if latest else None,
        is_beginning=is_beginning,
        events=EventCoverage(since=latest.events_from, until=latest.events_until) if latest else EventCoverage(),
        earliest=earliest,
        positions={page.kind: page.number for page in pages},
    )


def steady_clock(clock: Clock, earliest: datetime) -> Clock:
    """Return a clock that begins after ``earliest`` and always advances, so that bounds of stays are in order."""
    latest = earliest

    def now() -> datetime:
        nonlocal latest
        latest = max(clock.now(), latest + TICK)
        return latest

    return replace(clock, now=now)


def _raise_if_behind(now: datetime, ended_at: datetime) -> None:
    """Raise ``SettingsError`` if the end of the latest scan is ahead of this machine's clock."""
    ahead = ended_at - now
    if ahead > MAX_SKEW:
        raise SettingsError(
            f"The latest scan, of {ended_at:%Y-%m-%d %H:%M} UTC, is {format_duration(ahead.total_seconds())} ahead "
            "of this machine's clock, so nothing was read.",
            advice="Set the clock (NTP). If it is correct now, scans resume by themselves after that time.",
        )


def _dump(value: Any) -> str:
    return simplejson.dumps(value, use_decimal=True, namedtuple_as_object=False, separators=(",", ":"))
