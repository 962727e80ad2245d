"""Several accounts in one warehouse, and readers that see only their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from emulator import effects
from faults.account_under_test import account_under_test
from faults.case import EXACT, REFUSED, Case, Trial, Verdict
from faults.harness import Harness
from pipelines.base.secret import Secret
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.readers import create_account_reader

NAMES: Final = """
    select table_name from information_schema.tables where table_schema = %s
    -- Of a view for one account alone the columns are its fields' names; nobody else is let in.
    and table_name !~ '^segments_[0-9]+$' order by 1
"""

TRICKS: Final = (
    "select * from analytics.segments where account_id = {other}",
    "select * from analytics.as_of({other}, '2030-01-01')",
    "select * from analytics.stages_as_of({other}, '2030-01-01')",
    "select * from analytics.segments_by_field({other})",
    "select * from analytics.segments_{other}",
    "select 1 / (account_id - {other}) from analytics.segments",
    "select ('x' || account_name)::int from analytics.snapshots where account_id <> {one}",
    """create function pg_temp.tell(account bigint, name text) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice '% %', account, name; return true; end $$;;
        select account_id from analytics.segments where pg_temp.tell(account_id, name);;
        select account_id from analytics.snapshots where pg_temp.tell(account_id, account_name)""",
    "explain (analyze, costs off, timing off) select * from analytics.segments where account_id = 1",
    "select * from pg_stats where schemaname in ('amocrm', 'analytics')",
    "select * from analytics.load_outcomes where account_key = 'account-{other}'",
    "set row_security = off;; select * from analytics.segments",
    "set role amocrm_views;; select * from analytics.segments",
    "select amocrm.readable_account_ids()",
)
"""Statements with which a reader of account ``one`` tries to read account ``other``."""


def cases() -> Iterator[Case]:
    """Yield each way in which accounts could mix."""
    yield Case(
        name="tenants: the token of another account",
        wrong="The token is another account's, whose things have the same ids.",
        must="The load is refused, and nothing of the other account is kept here.",
        play=other_token,
        allowed=REFUSED,
        is_quick=True,
    )
    yield Case(
        name="tenants: the account turns into another one during the load",
        wrong="The account that amoCRM names changes from one request to the next.",
        must="The load is refused.",
        play=turned,
        allowed=REFUSED,
    )
    yield Case(
        name="tenants: two accounts with things of the same ids",
        wrong="Two accounts have segments, fields and stages of the same ids, and load in turn.",
        must="Each has its own, and no load of one touches a row of the other.",
        play=side_by_side,
        allowed=EXACT,
        is_quick=True,
    )
    yield Case(
        name="tenants: a reader asks for tables",
        wrong="The role of readers asks for each table of the schema amocrm, and writes to each view.",
        must="It is refused every time.",
        play=reader,
        allowed=REFUSED,
        is_quick=True,
    )
    yield Case(
        name="tenants: a reader of one account asks for another",
        wrong="A role that reads one account asks each view, table and function for another, by tricks too.",
        must="Every view shows its account whole and nothing of the other; the rest is refused or empty.",
        play=reader_of_one,
        is_quick=True,
    )


def other_token(harness: Harness) -> Iterator[Trial]:
    """Load with another account's token."""
    with account_under_test(harness) as account:
        before, usual = account.contents(), account.account
        other = account.world.add_account("Another company", account_id=harness.new_id())
        account.account = replace(usual, token=Secret(account.emulator.long_lived_token(other)))
        loaded = account.load()
        account.account = usual
        trial = account.judge(loaded, before)
        with account.engine.connect() as connection:
            kept = connection.exec_driver_sql(
                "select count(*) from amocrm.account where account_id = %(id)s", {"id": other}
            )
            if kept.scalar():
                trial = replace(trial, verdict=Verdict.LEAK, why="the other account is in the warehouse")
        yield account.recover(trial)


def turned(harness: Harness) -> Iterator[Trial]:
    """Load while the account's id changes between responses."""
    for nth in (1, 2):
        with account_under_test(harness) as account:
            effect = effects.payload(lambda document: document | {"id": document["id"] + 1})
            yield account.load_and_recover(account.emulator.faults.during(effect, resource="account", nth=nth))


def side_by_side(harness: Harness) -> Iterator[Trial]:
    """Load two accounts whose entities have equal ids."""
    with account_under_test(harness) as one, account_under_test(harness) as other:
        if one.segments != other.segments or one.id == other.id:
            raise LookupError("the accounts do not share ids")
        for account, bystander in ((one, other), (other, one)):
            apart = bystander.contents()
            trial = account.load_and_recover()
            if bystander.contents() != apart:
                trial = replace(trial, verdict=Verdict.LEAK, why="a load changed rows of another account")
            yield trial


def reader(harness: Harness) -> Iterator[Trial]:
    """Try each table and view as ``amocrm_reader``."""
    with psycopg.connect(harness.url, autocommit=True) as connection:
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('amocrm', 'analytics') order by 1, 2"
        ).fetchall()
        connection.execute("set session authorization amocrm_reader")
        for schema, name in names:
            ask = SQL("select * from {}" if schema == "amocrm" else "delete from {}").format(Identifier(schema, name))
            try:
                connection.execute(ask)
            except psycopg.errors.InsufficientPrivilege as error:
                yield Trial(verdict=Verdict.REFUSED, why=str(error).strip())
            except psycopg.errors.ObjectNotInPrerequisiteState as error:  # a view that no row can be deleted from
                yield Trial(verdict=Verdict.REFUSED, why=str(error).strip())
            else:
                yield Trial(verdict=Verdict.LEAK, why=f"a reader may: {schema}.{name}")


def reader_of_one(harness: Harness) -> Iterator[Trial]:
    """Try every view and trick as the reader of one of two accounts."""
    with harness.database() as url, ExitStack() as until:
        engine = open_engine(url)
        until.callback(engine.dispose)
        one, other = (until.enter_context(account_under_test(harness, engine=engine)) for _ in range(2))
        for account in (one, other):
            account.world.account(account.id).name = f"Company {account.id}"
            account.load()
            with account.emulator.faults.during(effects.error(400, f"Refused {account.id}")):
                account.load()
        role = create_account_reader(engine, one.id)
        with psycopg.connect(url, autocommit=True) as owner, psycopg.connect(url, autocommit=True) as reads:
            reads.execute(SQL("set session authorization {}").format(Identifier(role)))
            yield from _views(owner, reads, one.id, other.id)
            for trick in TRICKS:
                yield _tricked(reads, trick.format(one=one.id, other=other.id), str(other.id))


def _views(owner: psycopg.Connection, reads: psycopg.Connection, account_id: int, other: int) -> Iterator[Trial]:
    for (view,) in owner.execute(NAMES, ("analytics",)).fetchall():
        counted = SQL("select account_id, count(*) from {} group by 1").format(Identifier("analytics", view))
        whole, shown = owner.execute(counted).fetchall(), reads.execute(counted).fetchall()
        verdict = Verdict.EXACT if shown == [row for row in whole if row[0] == account_id] else Verdict.LEAK
        yield Trial(verdict=verdict, why=f"{view} shows {shown} of {whole}" if verdict is Verdict.LEAK else "")
    for (table,) in owner.execute(NAMES, ("amocrm",)).fetchall():
        yield _tricked(reads, f"select * from amocrm.{table}", str(other))


def _tricked(reads: psycopg.Connection, trick: str, other: str) -> Trial:
    """Execute statements; the other account must be in no row, notice or error."""
    said: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        said.append(notice.message_primary or "")

    reads.add_notice_handler(hear)
    refused = ""
    try:
        for part in trick.split(";;"):
            rows = reads.execute(part.encode())
            said += map(str, rows.fetchall() if rows.description else [])
    except psycopg.Error as error:
        refused = str(error)
    reads.remove_notice_handler(hear)
    if f"Company {other}" in refused or any(other in line for line in said):
        return Trial(verdict=Verdict.LEAK, why=f"{trick.strip()}: {refused or said}")
    return Trial(verdict=Verdict.REFUSED if refused else Verdict.EXACT, why=refused.partition("\n")[0])
