"""The warehouse of the first released schema, migrations 0001 to 0008, with a history."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import Engine

import sql
from emulator import Emulator
from emulator.clock import Clock as EmulatorClock
from emulator.entities import Mode
from emulator.simulation import Simulation
from pipelines.base.clock import Clock
from pipelines.base.errors import MigrationError
from pipelines.base.secret import Secret
from pipelines.warehouse.migrate import migrate
from tests.accounts import account_settings, fast_settings

RELEASED_DUMP: Final = Path(__file__).parent / "payloads" / "warehouse_0008.sql.gz"
HISTORY_START: Final = datetime(2026, 5, 1, 6, tzinfo=UTC)
"""When the two simulated accounts of the dump began: see tests/payloads/README.md."""

LAST_LOAD: Final = HISTORY_START + timedelta(hours=14 * 32)
SIMULATIONS: Final[dict[str, tuple[int, Mode]]] = {"coffee": (3, "segments"), "tea": (4, "periodicity")}


def restore_dump(url: str) -> None:
    """Restore the released warehouse into the empty database at ``url``."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(gzip.decompress(RELEASED_DUMP.read_bytes()))


def write_earlier_release(url: str, version: str, folder: Path) -> Path:
    """Write the migrations before a version, and the views that the database has.

    Today's views may read columns that later migrations add.
    """
    for kind in ("migrations", "views"):
        (folder / kind).mkdir()
    for file in files(sql).joinpath("migrations").iterdir():
        if file.name < version:
            (folder / "migrations" / file.name).write_bytes(file.read_bytes())
    with psycopg.connect(url) as connection:
        views = "select viewname, definition from pg_views where schemaname = 'analytics' and viewname !~ '_[0-9]+$'"
        for name, definition in connection.execute(views):  # without wide views
            text = f"create or replace view analytics.{name} as {definition}"
            (folder / "views" / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder


def migrate_before(engine: Engine, url: str, version: str, folder: Path) -> None:
    """Migrate to the schema before ``version``. The last step fails if it grants columns of later versions."""
    with suppress(MigrationError):
        migrate(engine, write_earlier_release(url, version, folder))


class ReleasedAccounts:
    """The dump's accounts as simulated after its last load."""

    def __init__(self, emulator: Emulator, url: str, root: Path) -> None:
        """Repeat the simulations, which are deterministic."""
        self.emulator = emulator
        self.simulations = {key: Simulation(seed, HISTORY_START, mode) for key, (seed, mode) in SIMULATIONS.items()}
        for simulation in self.simulations.values():
            simulation.advance(emulator.world, HISTORY_START)
        self.clock = Clock(now=emulator.clock.now, sleep=lambda seconds: self.wait(timedelta(seconds=seconds)))
        self.settings = fast_settings(
            root,
            accounts=tuple(
                account_settings(emulator, simulation.account_id, key) for key, simulation in self.simulations.items()
            ),
            database_url=Secret(url),
        )
        self.wait(LAST_LOAD + timedelta(hours=1) - emulator.clock.now())

    def wait(self, time: timedelta) -> None:
        """Advance the time and the simulations."""
        self.emulator.clock.advance(time)
        for simulation in self.simulations.values():
            simulation.advance(self.emulator.world, self.emulator.clock.now())


@contextmanager
def open_released_accounts(url: str, root: Path) -> Iterator[ReleasedAccounts]:
    """Open the accounts with their emulator."""
    with Emulator(clock=EmulatorClock(HISTORY_START)) as emulator:
        yield ReleasedAccounts(emulator, url, root)
