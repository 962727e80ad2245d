"""Loaders that are killed, repeated, concurrent, late, or have a wrong clock."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

import psycopg

from faults import oracle
from faults.account_under_test import AccountUnderTest, Loaded, account_under_test
from faults.case import EXACT, REFUSED, Case, Trial, Verdict
from faults.harness import Harness
from faults.killing import Deed, killed, make_mortal
from pipelines.amocrm.http import Transport
from pipelines.base.clock import Clock
from pipelines.base.errors import WarehouseError
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import extract_load, load_account, publish_load
from pipelines.warehouse.engine import open_engine

QUICK_STEP: Final = 25
"""Steps between two kills in a quick run; a load has about a hundred."""

NIGHTS: Final = {
    "summer time begins": datetime(2026, 3, 28, 21, tzinfo=UTC),
    "summer time ends": datetime(2026, 10, 24, 20, tzinfo=UTC),
}


def cases() -> Iterator[Case]:
    """Yield kills, concurrent and late loads, wrong clocks and clock changes."""
    for mode in ("segments", "periodicity"):
        yield Case(
            name=f"process: kill -9 at every statement and every request, mode {mode}",
            wrong="The loader is killed before each statement and request, after each request and after COMMIT.",
            must="The snapshot is there whole, or not at all; running again ends in the same state.",
            play=partial(kills, mode=mode),
            is_quick=mode == "segments",
            seconds=900,
        )
    for loads in (2, 3, 8):
        yield Case(
            name=f"process: {loads} loads of one account at once",
            wrong=f"{loads} loads of one account run at the same time.",
            must="Each is published whole, or refused as superseded; the newest is what amoCRM shows.",
            play=partial(at_once, loads=loads),
            is_quick=loads == 3,
            allowed=EXACT,
        )
    yield Case(
        name="process: an older load published after a newer",
        wrong="A load that began earlier is published after one that began later.",
        must="It is refused, and the newer stays.",
        play=late,
        is_quick=True,
        allowed=REFUSED,
    )
    yield Case(
        name="process: published twice",
        wrong="A load is published, and published again.",
        must="The second time changes nothing.",
        play=twice,
        is_quick=True,
        allowed=EXACT,
    )
    for name, seconds in (("a second", 1), ("an hour", 3600), ("a year", 365 * 86_400)):
        yield Case(
            name=f"process: the clock set back by {name}",
            wrong=f"The machine's clock is set back by {name} between two loads.",
            must="The load is refused, and what is stored stays.",
            play=partial(set_back, seconds=seconds),
            is_quick=seconds == 3600,
            allowed=REFUSED,
        )
    yield Case(
        name="process: the clock days ahead",
        wrong="The machine's clock is a year ahead of amoCRM's.",
        must="The load is refused: its snapshot would supersede all to come.",
        play=set_ahead,
        allowed=REFUSED,
        is_quick=True,
    )
    for name, begin in NIGHTS.items():
        for timezone in ("Europe/Berlin", "Pacific/Chatham"):
            yield Case(
                name=f"process: the night in which {name}, {timezone}",
                wrong=f"Loads through the night in which {name}.",
                must="Every day has the sizes that were shown on it, by the account's clock.",
                play=partial(night, begin=begin, timezone=timezone),
                is_quick=timezone == "Europe/Berlin" and "begins" in name,
                allowed=EXACT,
            )


# Kills


def kills(harness: Harness, *, mode: str) -> Iterator[Trial]:
    """Kill one load after another, a step later each time, until one ends first."""
    chance = harness.chance(f"kills {mode}")
    for moment in count(chance.randrange(QUICK_STEP), QUICK_STEP) if harness.is_quick else count():
        with account_under_test(harness, mode) as account:  # type: ignore[arg-type]
            before = account.contents()
            if not _killed(account, harness.url, death=moment):
                account.settle()
                return
            trial = account.judge(Loaded(error=WarehouseError("killed"), seconds=0, requests=0, said=""), before)
            yield account.recover(trial)


def _killed(account: AccountUnderTest, url: str, *, death: int) -> bool:
    account.pass_time(1)
    has_died, _ = killed(load_and_die, url, account.account, account.settings, account.now, death=death)
    return has_died


def load_and_die(
    url: str, account: AccountSettings, settings: Settings, now: datetime, death: int, passed: Any
) -> None:
    """Load, and be killed at a step. To Postgres, after a statement equals before the next one."""
    engine = open_engine(url)
    with engine.connect():
        pass  # connecting is no moment of loading
    make_mortal(
        [
            Deed(holder=Transport, name="send"),
            Deed(holder=psycopg.Cursor, name="execute", is_after=False),
            Deed(holder=psycopg.Cursor, name="executemany", is_after=False),
            Deed(holder=psycopg.Copy, name="__exit__", is_after=False),
            Deed(holder=psycopg.Connection, name="commit"),
        ],
        death=death,
        passed=passed,
    )
    load_account(LoadContext(engine, account, settings, clock=Clock(now=lambda: now, sleep=lambda _: None)))


# Several at once, and out of order


def at_once(harness: Harness, *, loads: int) -> Iterator[Trial]:
    """Run concurrent loads whose clocks are a second apart."""
    with account_under_test(harness) as account:
        before, shown = account.contents(), account.shown()
        account.pass_time(1)
        instants = [account.now + timedelta(seconds=number) for number in range(loads)]
        harness.chance(f"at once {loads}").shuffle(instants)

        def load(now: datetime) -> None:
            clock = Clock(now=lambda: now, sleep=lambda _: None)
            load_account(LoadContext(account.engine, account.account, account.settings, clock=clock))

        def all_at_once() -> None:
            with ThreadPoolExecutor(loads) as pool:
                errors = [one.exception() for one in [pool.submit(load, now) for now in instants]]
            for error in errors:
                if error is not None and not isinstance(error, WarehouseError):
                    raise error

        loaded = account.tell(all_at_once)
        harness.poller.settle(account.id, with_earlier=True)
        account.now = max(instants)
        with account.engine.connect() as connection:
            for instant in oracle.stored_snapshots(connection, account.id):
                if instant in instants:
                    account.note(shown, instant)
        loaded = replace(loaded, requests=loaded.requests // loads)
        yield account.recover(account.judge(loaded, before, shown))


def late(harness: Harness) -> Iterator[Trial]:
    """Publish the earlier of two loads last."""
    with account_under_test(harness) as account:
        account.pass_time(1)
        earlier = extract_load(LoadContext(account.engine, account.account, account.settings, clock=account.clock))
        account.world.rename_segment(account.id, account.segments[1], "Later")
        account.load()
        account.note(account.shown())
        before = account.contents()
        loaded = account.tell(
            lambda: publish_load(
                LoadContext(account.engine, account.account, account.settings, clock=account.clock), earlier
            )
        )
        yield account.recover(account.judge(loaded, before))


def twice(harness: Harness) -> Iterator[Trial]:
    """Publish the same load twice."""
    with account_under_test(harness) as account:
        before = account.contents()
        account.pass_time(1)
        extracted = extract_load(LoadContext(account.engine, account.account, account.settings, clock=account.clock))
        publish = partial(
            publish_load, LoadContext(account.engine, account.account, account.settings, clock=account.clock), extracted
        )
        publish()
        once = account.contents()
        loaded = account.tell(publish)
        trial = account.judge(loaded, before)
        if account.contents() != once:
            trial = replace(trial, verdict=Verdict.SILENT, why="publishing again changed something")
        yield account.recover(trial)


def set_back(harness: Harness, *, seconds: int) -> Iterator[Trial]:
    """Load with a clock behind the latest snapshot."""
    with account_under_test(harness) as account:
        before = account.contents()
        loaded = account.load(hours=-seconds / 3600)
        account.now += timedelta(seconds=seconds)
        yield account.recover(account.judge(loaded, before))


def set_ahead(harness: Harness) -> Iterator[Trial]:
    """Load with a clock a year ahead."""
    with account_under_test(harness) as account:
        before = account.contents()
        clock = Clock(now=lambda: account.now + timedelta(days=365), sleep=lambda _: None)
        loaded = account.tell(
            lambda: load_account(LoadContext(account.engine, account.account, account.settings, clock=clock))
        )
        yield account.recover(account.judge(loaded, before))


def night(harness: Harness, *, begin: datetime, timezone: str) -> Iterator[Trial]:
    """Load through a night of a clock change."""
    with account_under_test(harness, timezone=timezone) as account:
        account.now = begin
        for step in range(6 if harness.is_quick else 12):
            account.world.set_size(account.id, account.segments[0], 100 + step)
            before = account.contents()
            trial = account.judge(account.load(hours=1.0 if harness.is_quick else 0.5), before)
        with account.engine.connect() as connection:
            stored = oracle.stored_days(connection, account.id)
        if stored != oracle.days_of_shown(account.history, timezone):
            trial = replace(trial, verdict=Verdict.SILENT, why="a day has other sizes than were shown on it")
        yield account.recover(trial)
