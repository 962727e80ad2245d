"""A load in which nothing changed, killed (SIGKILL) before each thing it sends to Postgres: all of it or nothing.

Loads that change something are killed by the fault list (``faults/cases/process.py``).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, text

from emulator import Emulator
from emulator.clock import Clock as EmulatorClock
from faults.oracle import table_contents
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import open_engine
from tests.records import START

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["pipelines.load.load"])


def load(engine: Engine, account: AccountSettings, settings: Settings, at: datetime) -> None:
    """Load the account at an instant."""
    load_account(LoadContext(engine, account, settings, clock=Clock(now=lambda: at, sleep=lambda _: None)))


def load_until_killed(url: str, account: AccountSettings, settings: Settings, at: datetime, death: int) -> None:
    """Load, and be killed before the ``death``-th thing is sent to Postgres; a commit counts once more after it."""
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
        pass  # connecting is no moment of loading
    psycopg.Cursor.execute = mortal(psycopg.Cursor.execute)  # type: ignore[method-assign]
    psycopg.Cursor.executemany = mortal(psycopg.Cursor.executemany)  # type: ignore[method-assign]
    psycopg.Connection.commit = mortal(psycopg.Connection.commit, is_commit=True)  # type: ignore[method-assign]
    load(engine, account, settings, at)


def test_killed_at_every_statement_and_loaded_again(engine: Engine, postgres_url: str, tmp_path: Path) -> None:
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account_id = emulator.world.add_account("Corner Coffee")
        emulator.world.add_segment(account_id, "Kept", size=10)
        settings = Settings(data_dir=tmp_path)
        account = AccountSettings(
            key="main", base_url=emulator.url, token=Secret(emulator.long_lived_token(account_id))
        )

        def stored() -> tuple[int, int, dict[str, list[str]]]:
            """Snapshots, loads whose answers are kept, and all else that loads write."""
            with engine.connect() as connection:
                kept = connection.scalar(text("select count(distinct load_id) from amocrm.raw_answer"))
                contents = table_contents(connection, account_id)
            return len(contents.pop("snapshot")), kept or 0, contents

        load(engine, account, settings, START)
        count, kept, rest = stored()
        lived = []
        for death in range(100):
            at = START + timedelta(minutes=2 * death + 1)
            worker = processes.Process(target=load_until_killed, args=(postgres_url, account, settings, at, death))
            worker.start()
            worker.join()
            now = stored()
            assert now in ((count, kept, rest), (count + 1, kept + 1, rest)), f"half a load is left by dying at {death}"
            lived.append(now[0] - count)
            if worker.exitcode != -signal.SIGKILL:
                break
            load(engine, account, settings, at + timedelta(minutes=1))
            count, kept, again = stored()
            assert (count, kept, again) == (now[0] + 1, now[1] + 1, rest)
    assert worker.exitcode == 0
    assert lived == sorted(lived)
    assert len(lived) > 8, "the load sent less than it takes"
    assert sum(lived) >= 2, "it died after the commit too"
