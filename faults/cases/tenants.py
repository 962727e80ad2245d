"""Accounts beside each other in one warehouse, and readers who see what is theirs to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
from psycopg.sql import SQL, Identifier

from emulator import effects
from faults.case import Case, Trial, Verdict
from faults.lab import Lab
from faults.subject import subject
from pipelines.secret import Secret


def cases() -> Iterator[Case]:
    """Each way in which accounts could mix."""
    yield Case(
        group="tenants",
        name="tenants: the token of another account",
        wrong="The token is another account's, whose things have the same ids.",
        must="The load is refused, and nothing of the other account is kept here.",
        play=other_token,
        allowed=frozenset({Verdict.REFUSED}),
        is_quick=True,
    )
    yield Case(
        group="tenants",
        name="tenants: the account turns into another one during the load",
        wrong="The account that amoCRM names changes from one request to the next.",
        must="The load is refused.",
        play=turned,
        allowed=frozenset({Verdict.REFUSED}),
    )
    yield Case(
        group="tenants",
        name="tenants: two accounts with things of the same ids",
        wrong="Two accounts have segments, fields and stages of the same ids, and load in turn.",
        must="Each has its own, and no load of one touches a row of the other.",
        play=side_by_side,
        allowed=frozenset({Verdict.EXACT}),
        is_quick=True,
    )
    yield Case(
        group="tenants",
        name="tenants: a reader asks for tables",
        wrong="The role of readers asks for each table of the schema amocrm, and writes to each view.",
        must="It is refused every time.",
        play=reader,
        allowed=frozenset({Verdict.REFUSED}),
        is_quick=True,
    )


def other_token(lab: Lab) -> Iterator[Trial]:
    """A load with the token of an account of the same amoCRM."""
    with subject(lab) as account:
        before, usual = account.contents(), account.account
        other = account.world.add_account("Another company", account_id=lab.new_id())
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


def turned(lab: Lab) -> Iterator[Trial]:
    """The account's id is another one, in the second answer or in all."""
    for nth in (1, 2):
        with subject(lab) as account:
            before = account.contents()
            effect = effects.payload(lambda document: document | {"id": document["id"] + 1})
            with account.emulator.faults.during(effect, resource="account", nth=nth):
                loaded = account.load()
            yield account.recover(account.judge(loaded, before))


def side_by_side(lab: Lab) -> Iterator[Trial]:
    """Two accounts, each of an amoCRM of its own, which give out the same ids."""
    with subject(lab) as one, subject(lab) as other:
        if one.segments != other.segments or one.id == other.id:
            raise LookupError("the accounts do not share ids")
        for account, bystander in ((one, other), (other, one)):
            apart = bystander.contents()
            before = account.contents()
            trial = account.recover(account.judge(account.load(), before))
            if bystander.contents() != apart:
                trial = replace(trial, verdict=Verdict.LEAK, why="a load changed rows of another account")
            yield trial


def reader(lab: Lab) -> Iterator[Trial]:
    """The role ``amocrm_reader`` at each table and view."""
    with psycopg.connect(lab.url, autocommit=True) as connection:
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
