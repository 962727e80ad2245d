"""Emulated accounts, their settings and clocks, for every test that loads, plans or applies."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, text

from emulator import Emulator
from faults.oracle import table_contents
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import PublishedLoad, load_account
from tests.records import START

IMPATIENT_CLOCK: Final = Clock(now=SYSTEM_CLOCK.now, sleep=lambda _: None)
"""The system's time, without waits."""


def frozen_clock(at: datetime = START) -> Clock:
    """A clock that stands still and does not wait."""
    return Clock(now=lambda: at, sleep=lambda _: None)


def ticking_clock(begin: datetime = START) -> Clock:
    """A clock that moves by a second whenever it is read, and does not wait."""
    seconds = count()
    return Clock(now=lambda: begin + timedelta(seconds=next(seconds)), sleep=lambda _: None)


def emulator_clock(emulator: Emulator) -> Clock:
    """The emulator's time, without waits."""
    return Clock(now=emulator.clock.now, sleep=lambda _: None)


def fast_settings(root: Path, **changes: Any) -> Settings:
    """Settings whose rate limit no test reaches."""
    given: dict[str, Any] = {"data_dir": root, "requests_per_second": 100_000.0, "language": "en"}
    return Settings(**given | changes)


def account_settings(emulator: Emulator, account_id: int, key: str = "main", **changes: Any) -> AccountSettings:
    """Settings of an emulated account, with a valid long-lived token."""
    token = Secret(emulator.long_lived_token(account_id))
    return replace(AccountSettings(key=key, base_url=emulator.url, token=token), **changes)


def fetch_rows(engine: Engine, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql), parameters)]


class EmulatedAccount:
    """An emulated account, its warehouse, and loads of it at hours that a test names."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, key: str = "main", **account: Any) -> None:
        self.emulator, self.engine, self.world = emulator, engine, emulator.world
        self.id = self.world.add_account("Corner Coffee", **account)
        self.settings = fast_settings(root)
        self.account = account_settings(emulator, self.id, key)

    def clock(self, hour: float) -> Clock:
        """A clock that stands still at this hour."""
        return frozen_clock(START + timedelta(hours=hour))

    def access(self, clock: Clock) -> LoadContext:
        """Read and write access."""
        return LoadContext(self.engine, self.account, self.settings, clock=clock)

    def context(self, hour: float, **changes: Any) -> LoadContext:
        """Context of a load at this hour, with changed settings of the account if given."""
        return LoadContext(self.engine, replace(self.account, **changes), self.settings, clock=self.clock(hour))

    def load(self, hour: float, **changes: Any) -> PublishedLoad:
        """Load the account, with changed settings of it if given."""
        return load_account(self.context(hour, **changes))

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return fetch_rows(self.engine, sql, **parameters)

    def execute(self, sql: str, **parameters: Any) -> None:
        """Change the database directly."""
        with self.engine.begin() as connection:
            connection.execute(text(sql), parameters)

    def contents(self) -> dict[str, list[str]]:
        """Every row that snapshots have written."""
        with self.engine.connect() as connection:
            return table_contents(connection, self.id)


class Shop(EmulatedAccount):
    """An account with two segments and a select field."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path) -> None:
        super().__init__(emulator, engine, root, timezone="America/New_York")
        self.field = self.world.add_field(self.id, "Tier", "select", options=("gold", "silver"))
        self.vip = self.world.add_segment(self.id, "VIP", size=10)
        self.new = self.world.add_segment(self.id, "New", size=3)
        self.parse_count = 0  # increased by tests that patch a parser

    def count_parsed(self, hour: float, **changes: Any) -> int:
        """Load, and return how often the patched parser ran."""
        before = self.parse_count
        assert self.load(hour, **changes).published.is_new
        return self.parse_count - before
