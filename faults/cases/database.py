"""Postgres that refuses, waits or goes away: at every table, with every error. Connections are cut in ``cuts``."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import make_url

from faults.case import Case, Trial, Verdict
from faults.lab import Lab
from faults.proxy import Proxy
from faults.subject import subject
from faults.witness import TABLES
from pipelines.warehouse import cluster
from pipelines.warehouse.embedded import embedded_postgres
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate

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
"""Errors of the server by SQLSTATE."""


def cases() -> Iterator[Case]:
    """Each way of losing the database."""
    for number, (name, state) in enumerate(STATES.items()):
        yield Case(
            group="database",
            name=f"database: {name}, at every table",
            wrong=f"Postgres refuses to write to each of the tables in turn: {name} ({state}).",
            must="Nothing is written, and the error says what it was.",
            play=partial(errors, state=state),
            is_quick=number % 4 == 0,
            seconds=300,
        )
    for name, blow in (("killed", signal.SIGKILL), ("stopped at once", signal.SIGQUIT), ("stopped", signal.SIGINT)):
        yield Case(
            group="database",
            name=f"database: the server {name} and started again",
            wrong=f"The Postgres server is {name} in the middle of a load, and started again.",
            must="The snapshot is there whole, or not at all; the next load finds its way.",
            play=partial(struck, blow=blow),
            seconds=300,
        )
    yield Case(
        group="database",
        name="database: read-only",
        wrong="The database takes no writes, as a replica does.",
        must="The load is refused, and says so.",
        play=read_only,
        allowed=frozenset({Verdict.REFUSED}),
        is_quick=True,
    )
    yield Case(
        group="database",
        name="database: takes no connections",
        wrong="The database refuses new connections.",
        must="The load is refused, and says so.",
        play=no_connections,
        allowed=frozenset({Verdict.REFUSED}),
    )


# Errors of the server


def errors(lab: Lab, *, state: str) -> Iterator[Trial]:
    """A load for each table, in which writing to that table fails."""
    for number in lab.sample(f"tables {state}", len(TABLES), 3):
        with subject(lab) as account:
            before = account.contents()
            with failing(lab, TABLES[number], account.id, state):
                loaded = account.load()
            yield account.recover(account.judge(loaded, before))


@contextmanager
def failing(lab: Lab, table: str, account_id: int, state: str) -> Iterator[None]:
    """Let every write to a table that is about this account fail."""
    name = Identifier(f"fail_{account_id}")
    row = "coalesce(new.account_id, old.account_id)" if table != "account" else "new.account_id"
    body = f"begin if {row} = {account_id} then raise exception 'made to fail' using errcode = '{state}'; end if; "
    with psycopg.connect(lab.url, autocommit=True) as admin:
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


def read_only(lab: Lab) -> Iterator[Trial]:
    """A database whose sessions are read-only."""
    with subject(lab) as account:
        before = account.contents()
        engine = account.opened(f"{lab.url}?options=-c%20default_transaction_read_only%3Don")
        loaded = account.load(engine=engine)
        yield account.recover(account.judge(loaded, before))


def no_connections(lab: Lab) -> Iterator[Trial]:
    """A database that lets nobody in."""
    with subject(lab) as account, lab.database() as url:
        before = account.contents()
        name = make_url(url).database
        assert name
        with psycopg.connect(lab.url, autocommit=True) as admin:
            admin.execute(SQL("alter database {} allow_connections false").format(Identifier(name)))
        loaded = account.load(engine=account.opened(url))
        yield account.recover(account.judge(loaded, before))


# The server


def struck(lab: Lab, *, blow: signal.Signals) -> Iterator[Trial]:
    """A durable server of its own, struck at some of the messages of a load, and started again."""
    root = lab.folder / f"struck-{lab.new_id()}"
    root.mkdir(mode=0o711)
    with embedded_postgres(root) as server:
        engine = open_engine(server.url)
        migrate(engine)
        with subject(lab, engine=engine) as account, Proxy(port=server.port) as proxy:
            account.load(engine=account.through(proxy.listens_at, server.url))
        engine.dispose()
    whole = len(proxy.messages)
    for number in lab.chance(f"struck {blow}").sample(range(whole), k=8):
        # The emulator and the account outlive the server: what comes after is one story.
        with ExitStack() as until:
            with embedded_postgres(root) as server:
                account = until.enter_context(subject(lab, engine=open_engine(server.url)))
                before = account.contents()
                account.engine.dispose()
                strike = partial(_strike, server.folder, blow)
                with Proxy(port=server.port, cut_at=number, then=strike, stays_down=True) as proxy:
                    loaded = account.load(engine=account.through(proxy.listens_at, server.url))
            if not proxy.has_cut:
                continue
            with embedded_postgres(root) as server:
                account.engine = open_engine(server.url)
                yield account.recover(account.judge(loaded, before))
                account.engine.dispose()


def _strike(folder: Path, blow: signal.Signals) -> None:
    running = cluster.postmaster(folder)
    if running:
        os.kill(running.pid, blow)
