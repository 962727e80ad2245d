"""Pages of a scan as they are stored: each is committed when it was read, so that a killed scan goes on from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import simplejson
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine

from pipelines.base.errors import Superseded
from pipelines.customers.forgotten import read_forgotten
from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

MAX_AGE: Final = timedelta(hours=1)
"""A scan whose latest page is older starts over: customers have moved on since."""

Kind: TypeAlias = Literal["list", "by_id", "kept", "sizes", "moves"]


@dataclass(kw_only=True, slots=True)
class Checkpoint:
    """Pages of a scan that is not published yet."""

    engine: Engine
    data_dir: Path
    account_key: str
    account_id: int
    started_at: datetime
    previous: datetime | None  # start of the latest published scan
    positions: dict[str, int] = field(default_factory=dict)  # last number by kind

    def add(
        self,
        kind: Kind,
        rows: Iterable[Sequence[Any]],
        sent_at: datetime,
        received_at: datetime,
        number: int | None = None,
    ) -> None:
        """Commit a page without forgotten customers, under the next number of its kind if none is given.

        Raises ``Superseded`` if the pages before it were deleted.
        """
        is_first = not self.positions
        self.positions[kind] = self.positions.get(kind, 0) + 1 if number is None else number
        page = {
            "account_id": self.account_id,
            "started_at": self.started_at,
            "kind": kind,
            "number": self.positions[kind],
            "sent_at": sent_at,
            "received_at": received_at,
        }
        with transaction(self.engine, account=self.account_key) as connection:
            connection.execute(statement("share_account"), page)  # a customer is forgotten before this, or after it
            if not is_first:
                require_pages(connection, self.account_key, self.account_id, self.started_at)
            if kind != "sizes":
                is_forgotten = read_forgotten(connection, self.data_dir, self.account_id)
                rows = (row for row in rows if not is_forgotten(row[0]))
            connection.execute(statement("insert_page"), page | {"rows": Jsonb(list(rows), dumps=_dump)})

    def missing_customers(self, most: int) -> list[int]:
        """Return ids of customers of the latest published scan that this one has not read, at most so many."""
        values = {
            "account_id": self.account_id,
            "started_at": self.started_at,
            "previous": self.previous,
            "forgotten_from": FORGOTTEN_FROM,
            "most": most,
        }
        with transaction(self.engine, account=self.account_key) as connection:
            return list(connection.scalars(statement("missing_customers"), values))


def require_pages(connection: Connection, account_key: str, account_id: int, started_at: datetime) -> None:
    """Raise ``Superseded`` if a scan's pages were deleted, so that its last ones are not taken for all customers."""
    if not connection.scalar(statement("has_pages"), {"account_id": account_id, "started_at": started_at}):
        raise Superseded(
            "the pages that this scan had read were deleted: another scan began anew, or all customers were forgotten.",
            account=account_key,
            advice="Scan again.",
        )


def open_checkpoint(engine: Engine, data_dir: Path, account_key: str, account_id: int, now: datetime) -> Checkpoint:
    """Go on with the account's unfinished scan if it is recent; otherwise delete it and begin a new one.

    Raises ``SettingsError`` if customers were forgotten with a key that the data folder does not have.
    """
    values: dict[str, Any] = {"account_id": account_id}
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("lock_account"), values)
        read_forgotten(connection, data_dir, account_id)
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
        data_dir=data_dir,
        account_key=account_key,
        account_id=account_id,
        started_at=started_at,
        previous=latest.started_at if latest else None,
        positions={page.kind: page.number for page in pages},
    )


def _dump(value: Any) -> str:
    return simplejson.dumps(value, use_decimal=True, namedtuple_as_object=False, separators=(",", ":"))
