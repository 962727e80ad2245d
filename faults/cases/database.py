"""Postgres errors and locks at every table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import Connection, event, make_url

from faults.account_under_test import account_under_test
from faults.case import EXACT, HELD, REFUSED, Case, Trial, Verdict
from faults.harness import Harness
from faults.oracle import TABLES

STATES: Final = {
    "disk full": "53100",
    "out of memory": "53200",
    "out of connections": "53300",
    "deadlock": "40P01",
    "serialization failure": "40001",
    "lock timeout": "55P03",
    "statement timeout": "57014",
    "read-only": "25006",
    "no right": "42501",
    "administrator's shutdown": "57P01",
    "internal error": "XX000",
}
"""SQLSTATEs by name."""


OURS: Final = ("raw_body", "raw_answer", "newest_answers")
"""Tables that a load writes besides those of its snapshot."""


def cases() -> Iterator[Case]:
    """Yield errors, locks, and refused connections."""
    for number, (name, state) in enumerate(STATES.items()):
        yield Case(
            name=f"database: {name}, at every table",
            wrong=f"Postgres refuses to write to each of the tables in turn: {name} ({state}).",
            must="Nothing is written, and the error says what it was.",
            play=partial(errors, state=state),
            is_quick=number % 4 == 0,
            seconds=300,
        )
    for is_for_long in (False, True):
        yield Case(
            name="database: another session holds a lock, " + ("longer than we wait" if is_for_long else "for a while"),
            wrong="Another session holds the account's row, and then each table, "
            + ("on and on." if is_for_long else "and lets go."),
            must="The load is refused, and says so; or it waits and is exact.",
            play=partial(locked, is_for_long=is_for_long),
            allowed=HELD if is_for_long else EXACT,
            is_quick=is_for_long,
            seconds=300,
        )
    yield Case(
        name="database: read-only",
        wrong="The database takes no writes, as a replica does.",
        must="The load is refused, and says so.",
        play=read_only,
        allowed=REFUSED,
        is_quick=True,
    )
    yield Case(
        name="database: takes no connections",
        wrong="The database refuses new connections.",
        must="The load is refused, and says so.",
        play=no_connections,
        allowed=REFUSED,
    )


# Errors of the server


def errors(harness: Harness, *, state: str) -> Iterator[Trial]:
    """Load once per table, while writes to the table fail."""
    for number in harness.sample(f"tables {state}", len(TABLES), 3):
        with account_under_test(harness) as account:
            yield account.load_and_recover(failing(harness, TABLES[number], account.id, state))


@contextmanager
def failing(harness: Harness, table: str, account_id: int, state: str) -> Iterator[None]:
    """Make every write of the account to a table fail."""
    name = Identifier(f"fail_{account_id}")
    row = "coalesce(new.account_id, old.account_id)" if table != "account" else "new.account_id"
    body = f"begin if {row} = {account_id} then raise exception 'made to fail' using errcode = '{state}'; end if; "
    with psycopg.connect(harness.url, autocommit=True) as admin:
        admin.execute(
            SQL("create function {} () returns trigger language plpgsql as {}").format(
                name, Literal(body + "return coalesce(new, old); end")
            )
        )
        admin.execute(
            SQL(
                "create trigger {0} before insert or update or delete on {1} for each row execute function {0}()"
            ).format(name, Identifier("amocrm", table))
        )
        try:
            yield
        finally:
            admin.execute(SQL("drop function {} cascade").format(name))


# Locks


def locked(harness: Harness, *, is_for_long: bool) -> Iterator[Trial]:
    """Load once per lock that another session holds."""
    row = SQL("select from amocrm.account where account_id = {} for update")
    tables = [SQL("lock table {} in exclusive mode").format(Identifier("amocrm", one)) for one in (*TABLES, *OURS)]
    for number in harness.sample(f"locks {is_for_long}", 1 + len(tables), 3):
        with account_under_test(harness) as account, psycopg.connect(harness.url) as other:
            before, engine = account.contents(), account.opened(harness.url)
            if is_for_long:
                event.listen(engine, "begin", shorten_lock_timeout)
            other.execute((row.format(account.id), *tables)[number])
            until = threading.Timer(60.0 if is_for_long else 0.1, other.rollback)
            until.start()
            loaded = account.load(engine=engine)
            until.cancel()
            until.join()
            other.rollback()
            trial = account.judge(loaded, before)
            if is_for_long and number == 0 and "Another transaction holds" not in str(loaded.error):
                trial = replace(
                    trial, verdict=Verdict.DAMAGED, why=f"it does not say what is in the way: {loaded.error}"
                )
            yield account.recover(trial)


def shorten_lock_timeout(connection: Connection) -> None:
    """Make a transaction wait for locks 0.3 seconds instead of a minute."""
    connection.exec_driver_sql("set local lock_timeout = '300ms'")


def read_only(harness: Harness) -> Iterator[Trial]:
    """Load into a database whose sessions are read-only."""
    with account_under_test(harness) as account:
        engine = account.opened(f"{harness.url}?options=-c%20default_transaction_read_only%3Don")
        yield account.load_and_recover(engine=engine)


def no_connections(harness: Harness) -> Iterator[Trial]:
    """Load into a database that refuses connections."""
    with account_under_test(harness) as account, harness.database() as url:
        name = make_url(url).database
        assert name
        with psycopg.connect(harness.url, autocommit=True) as admin:
            admin.execute(SQL("alter database {} allow_connections false").format(Identifier(name)))
        yield account.load_and_recover(engine=account.opened(url))
