"""Kill (SIGKILL) an unchanged load before each statement: all of it is stored, or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, text

from emulator import Emulator
from faults.killing import Deed, killed, make_mortal
from faults.oracle import table_contents
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import open_engine
from tests.accounts import account_settings, fast_settings, frozen_clock
from tests.records import START


def load(engine: Engine, account: AccountSettings, settings: Settings, at: datetime) -> None:
    load_account(LoadContext(engine, account, settings, clock=frozen_clock(at)))


def load_until_killed(
    url: str, account: AccountSettings, settings: Settings, at: datetime, death: int, passed: Any
) -> None:
    """Load, and be killed before the ``death``-th statement, or before or after a commit."""
    engine = open_engine(url)
    with engine.connect():
        pass  # connecting is not part of loading
    make_mortal(
        [
            Deed(holder=psycopg.Cursor, name="execute", is_after=False),
            Deed(holder=psycopg.Cursor, name="executemany", is_after=False),
            Deed(holder=psycopg.Connection, name="commit"),
        ],
        death=death,
        passed=passed,
    )
    load(engine, account, settings, at)


def test_killed_at_every_statement_and_loaded_again(
    frozen_emulator: Emulator, engine: Engine, postgres_url: str, tmp_path: Path
) -> None:
    account_id = frozen_emulator.world.add_account("Corner Coffee")
    frozen_emulator.world.add_segment(account_id, "Kept", size=10)
    settings, account = fast_settings(tmp_path), account_settings(frozen_emulator, account_id)

    def stored() -> tuple[int, int, dict[str, list[str]]]:
        """Snapshots, loads with stored responses, and all other rows that loads write."""
        with engine.connect() as connection:
            kept = connection.scalar(text("select count(distinct load_id) from amocrm.raw_answer"))
            contents = table_contents(connection, account_id)
        return len(contents.pop("snapshot")), kept or 0, contents

    load(engine, account, settings, START)
    count, kept, rest = stored()
    published = []
    for death in range(100):
        at = START + timedelta(minutes=2 * death + 1)
        was_killed, _ = killed(load_until_killed, postgres_url, account, settings, at, death=death)
        now = stored()
        assert now in ((count, kept, rest), (count + 1, kept + 1, rest)), f"half a load is left by dying at {death}"
        published.append(now[0] - count)
        if not was_killed:
            break
        load(engine, account, settings, at + timedelta(minutes=1))
        count, kept, again = stored()
        assert (count, kept, again) == (now[0] + 1, now[1] + 1, rest)
    assert not was_killed
    assert published == sorted(published)
    assert len(published) > 8, "the load sent less than it takes"
    assert sum(published) >= 2, "it died after the commit too"
