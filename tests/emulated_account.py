"""An emulated account of two segments with a field, its warehouse, and loads of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from emulator import Emulator
from faults.oracle import table_contents
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import PublishedLoad, load_account
from tests.records import START


class EmulatedAccount:
    """The account, and loads of it at hours that a test names; what they read, a test may count."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path) -> None:
        """Open the account."""
        self.emulator, self.engine, self.world = emulator, engine, emulator.world
        self.id = self.world.add_account("Corner Coffee", timezone="America/New_York")
        self.field = self.world.add_field(self.id, "Tier", "select", options=("gold", "silver"))
        self.vip = self.world.add_segment(self.id, "VIP", size=10)
        self.new = self.world.add_segment(self.id, "New", size=3)
        self.settings = Settings(data_dir=root)
        self.account = AccountSettings(
            key="main", base_url=emulator.url, token=Secret(emulator.long_lived_token(self.id))
        )
        self.read_count = 0

    def clock(self, hour: float) -> Clock:
        """A clock that stands, and waits for nothing."""
        return Clock(now=lambda: START + timedelta(hours=hour), sleep=lambda _: None)

    def load(self, hour: float, **changes: Any) -> PublishedLoad:
        """Load the account, or one that differs from it."""
        return load_account(self.context(hour, **changes))

    def context(self, hour: float, **changes: Any) -> LoadContext:
        """Context of a load of the account, or of one that differs from it, at the hour."""
        return LoadContext(self.engine, replace(self.account, **changes), self.settings, clock=self.clock(hour))

    def reads(self, hour: float, **changes: Any) -> int:
        """Load, and how many answers were read."""
        before = self.read_count
        assert self.load(hour, **changes).published.is_new
        return self.read_count - before

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def do(self, sql: str) -> None:
        """Change something behind the program's back."""
        with self.engine.begin() as connection:
            connection.execute(text(sql))

    def contents(self) -> dict[str, list[str]]:
        """All that snapshots have written."""
        with self.engine.connect() as connection:
            return table_contents(connection, self.id)
