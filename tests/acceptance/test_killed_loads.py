"""A loader killed (SIGKILL) before each thing it sends while publishing: running again ends in the same state.

To Postgres, dying after one statement and before the next are the same, the commit aside, so that counts twice.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from emulator import Emulator
from emulator.clock import Clock as EmulatorClock
from faults.witness import table_contents
from pipelines.ask import Extracted
from pipelines.clock import Clock
from pipelines.load import extract_load, load_account, publish_load
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.engine import open_engine
from tests.conftest import NewDatabase
from tests.records import START

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["pipelines.load", "pipelines.warehouse.engine"])


LATER = START + timedelta(hours=1)
ONE_LOAD = UUID(int=7)


def publish_and_die(url: str, extracted: Extracted, settings: Settings, death: int) -> None:
    """Publish, and be killed on the way."""
    publish_load(engine_of_the_dying(url, death), extracted, settings)


def load_and_die(url: str, account: AccountSettings, settings: Settings, death: int) -> None:
    """Load an account in which nothing has changed, and be killed on the way."""
    load_later(engine_of_the_dying(url, death), account, settings)


def load_later(engine: Engine, account: AccountSettings, settings: Settings) -> None:
    """The same load, however often it is run."""
    with patch("pipelines.ask.uuid4", lambda: ONE_LOAD):
        load_account(engine, account, settings, clock=Clock(now=lambda: LATER, sleep=lambda _: None))


def engine_of_the_dying(url: str, death: int) -> Engine:
    """Kills this process before the ``death``-th thing is sent to Postgres; a commit counts once more after it."""
    moments = iter(range(10**6))

    def mortal(send: Callable[..., Any], *, is_commit: bool = False) -> Callable[..., Any]:
        def sent(*args: Any, **kwargs: Any) -> Any:
            die_if_due()
            result = send(*args, **kwargs)
            if is_commit:
                die_if_due()
            return result

        return sent

    def die_if_due() -> None:
        if next(moments) == death:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = open_engine(url)
    with engine.connect():
        pass  # connecting is no moment of publishing
    psycopg.Cursor.execute = mortal(psycopg.Cursor.execute)  # type: ignore[method-assign]
    psycopg.Cursor.executemany = mortal(psycopg.Cursor.executemany)  # type: ignore[method-assign]
    psycopg.Copy.__exit__ = mortal(psycopg.Copy.__exit__)  # type: ignore[method-assign]
    psycopg.Connection.commit = mortal(psycopg.Connection.commit, is_commit=True)  # type: ignore[method-assign]
    return engine


@pytest.fixture
def changed_account(engine: Engine, tmp_path: Path) -> tuple[Extracted, Settings]:
    """A database with one snapshot and the kept answers of a second load, in which everything is different."""
    with Emulator(clock=EmulatorClock(START)) as emulator:
        world = emulator.world
        account_id = world.add_account("Corner Coffee")
        field_id = world.add_field(account_id, "Tier", "select", options=("gold", "silver"))
        kept, gone = (world.add_segment(account_id, name, size=10) for name in ("Kept", "Gone"))
        world.set_field_value(
            account_id, kept, field_id, next(iter(world.account(account_id).fields[field_id].options))
        )
        settings = Settings(data_dir=tmp_path, requests_per_second=10_000.0, raw_retention_days=36_500)
        account = AccountSettings(
            key="main", base_url=emulator.url, token=Secret(emulator.long_lived_token(account_id))
        )
        load_account(engine, account, settings, clock=Clock(now=lambda: START, sleep=lambda _: None))
        world.delete_segment(account_id, gone)
        world.rename_segment(account_id, kept, "Still kept")
        world.set_size(account_id, kept, 11)
        world.rename_field(account_id, field_id, "Level")
        world.set_segment_extra(account_id, kept, "bonus", 1)
        later = Clock(now=lambda: START + timedelta(days=1), sleep=lambda _: None)
        return extract_load(engine, account, settings, clock=later), settings


def test_killed_at_every_statement_and_run_again(
    changed_account: tuple[Extracted, Settings], engine: Engine, new_database: NewDatabase
) -> None:
    extracted, settings = changed_account
    with engine.connect() as connection:
        name = connection.scalar(text("select current_database()"))
        before = table_contents(connection, extracted.account_id)
    engine.dispose()  # a database with connections cannot be copied

    def publish_killed_at(death: int) -> tuple[bool, dict[str, list[str]], dict[str, list[str]]]:
        """Whether it died, what was stored then, and what is stored after running again."""
        with new_database(name) as url:
            worker = processes.Process(target=publish_and_die, args=(url, extracted, settings, death))
            worker.start()
            worker.join()
            again = open_engine(url)
            with again.connect() as connection:
                left = table_contents(connection, extracted.account_id)
            publish_load(again, extracted, settings)
            with again.connect() as connection:
                ended = table_contents(connection, extracted.account_id)
            again.dispose()
            return worker.exitcode == -signal.SIGKILL, left, ended

    _, after, _ = publish_killed_at(10**6)
    assert after != before
    seen = set()
    for death in range(10**6):
        has_died, left, ended = publish_killed_at(death)
        if not has_died:
            break
        assert left in (before, after), f"half a snapshot was left behind by dying at moment {death}"
        assert ended == after, f"another end after dying at moment {death}"
        seen.add(left == after)
    assert death > 25, "the loader sent less than publishing takes"
    assert seen == {True, False}, "it died both before and after the commit"


def test_load_that_reads_nothing_killed_at_every_statement_and_run_again(
    engine: Engine, new_database: NewDatabase, tmp_path: Path
) -> None:
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account_id = emulator.world.add_account("Corner Coffee")
        emulator.world.add_segment(account_id, "Kept", size=10)
        settings = Settings(data_dir=tmp_path)
        account = AccountSettings(
            key="main", base_url=emulator.url, token=Secret(emulator.long_lived_token(account_id))
        )
        load_account(engine, account, settings, clock=Clock(now=lambda: START, sleep=lambda _: None))
        with engine.connect() as connection:
            name = connection.scalar(text("select current_database()"))
            before = stored_by_loads(connection, account_id)
        engine.dispose()
        ends, deaths = [], 0
        while True:
            with new_database(name) as url:
                worker = processes.Process(target=load_and_die, args=(url, account, settings, deaths))
                worker.start()
                worker.join()
                again = open_engine(url)
                with again.connect() as connection:
                    left = stored_by_loads(connection, account_id)
                load_later(again, account, settings)
                with again.connect() as connection:
                    ends.append((left, stored_by_loads(connection, account_id)))
                again.dispose()
            if worker.exitcode != -signal.SIGKILL:
                break
            deaths += 1
    after = ends[-1][1]
    assert worker.exitcode == 0
    assert after != before
    assert 8 < deaths < 20, "the load sends what it needs, and no more"
    assert [ended for _, ended in ends] == [after] * (deaths + 1)
    assert {str(left) for left, _ in ends} == {str(before), str(after)}, "it leaves all of it or nothing"


def stored_by_loads(connection: Connection, account_id: int) -> tuple[dict[str, list[str]], int]:
    """All that snapshots have written, and how many raw answers are kept."""
    kept = text("select count(*) from amocrm.raw_answer where account_id = :account_id")
    return table_contents(connection, account_id), connection.scalar(kept, {"account_id": account_id}) or 0
