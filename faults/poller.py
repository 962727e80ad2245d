"""A reader that polls the views, as a dashboard does, while loads fail and are killed.

Each statement must show the state of one snapshot. Anything else is a torn read.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from typing import Final, Self

import psycopg

LOOK: Final = """
    select (select max(observed_at)::text from analytics.snapshots where account_id = %(account)s),
        md5(coalesce((
                select string_agg(concat_ws('|', segment_id, name, color, customers_count), ',' order by segment_id)
            from analytics.segments where account_id = %(account)s), '')
        || coalesce((select string_agg(concat_ws('|', field_id, name, type), ',' order by field_id)
            from analytics.fields where account_id = %(account)s), '')
        || coalesce((select string_agg(concat_ws('|', stage_id, name, sort), ',' order by stage_id)
            from analytics.stages where account_id = %(account)s), ''))
"""
"""The latest snapshot and the views' contents, in one statement."""

EARLIER: Final = "select observed_at::text from analytics.snapshots where account_id = %(account)s"

PATIENCE: Final = "-c statement_timeout=10s"

Seen = tuple[str | None, str]


class Poller:
    """Poll the views of one account at a time, in a thread, as a context manager."""

    def __init__(self, url: str, *, pause: float) -> None:
        self._url, self._pause = url, pause
        self._account: int | None = None
        self._looking = threading.Lock()
        self._stopped = threading.Event()
        self._seen: defaultdict[int, set[Seen]] = defaultdict(set)
        self._right: defaultdict[int, set[Seen]] = defaultdict(set)
        self.count = 0  # looks so far
        self._thread = threading.Thread(target=self._look, name="poller", daemon=True)

    def __enter__(self) -> Self:
        self._settled = psycopg.connect(self._url, autocommit=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(10)
        self._settled.close()

    def watch(self, account_id: int | None) -> None:
        """Poll this account from now on, or none, after the current query."""
        with self._looking:
            self._account = account_id

    def settle(self, account_id: int, *, with_earlier: bool = False) -> None:
        """Record the current state as valid; no load may run.

        ``with_earlier`` says that it may have been seen at each earlier snapshot too: nothing changed between them.
        """
        newest, shown = self._ask(self._settled, account_id)
        self._right[account_id].add((newest, shown))
        if with_earlier:
            self._right[account_id] |= {
                (str(row[0]), shown) for row in self._settled.execute(EARLIER, {"account": account_id})
            }

    def take(self) -> tuple[int, int]:
        """Return the number of reads since the last call, and how many were torn."""
        # An account of which no state is known was left already: the look at it was on its way.
        torn = sum(len(self._seen[account_id] - right) for account_id, right in list(self._right.items()))
        looks, self.count = self.count, 0
        self._seen.clear()
        self._right.clear()
        return looks, torn

    def _ask(self, connection: psycopg.Connection, account_id: int) -> Seen:
        found = connection.execute(LOOK, {"account": account_id}, prepare=True).fetchone()
        assert found
        return found[0], found[1]

    def _look(self) -> None:
        while not self._stopped.is_set():
            # The server may be what goes wrong in a case: then the poller reconnects.
            with suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True, options=PATIENCE) as connection:
                self._look_through(connection)
            self._stopped.wait(0.1)

    def _look_through(self, connection: psycopg.Connection) -> None:
        while not self._stopped.wait(self._pause):
            with self._looking:
                account_id = self._account
                if account_id is not None:
                    self._seen[account_id].add(self._ask(connection, account_id))
                    self.count += 1
