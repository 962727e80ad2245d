"""Loads started as by cron: one process of ``sync --all`` after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from faults.killing import PROCESSES
from faults.running.killer import Kill, Killer, Loader
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.fleet import load_fleet
from pipelines.warehouse.engine import open_engine

AT_A_TIME: Final = 12
THREADS: Final = 6


@dataclass(kw_only=True)
class Cron(Killer):
    """Start a process for some accounts whenever one ended, and kill it."""

    url: str
    folder: Path
    account_ids: Sequence[int]
    count: int = 0
    process: ForkServerProcess | None = None
    loader: Loader | None = None
    accounts: dict[int, AccountSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the accounts' settings."""
        self.accounts = {
            one: AccountSettings(
                key=f"account-{one}", base_url=self.emulator.url, token=Secret(self.emulated.tokens[one])
            )
            for one in self.account_ids
        }

    def step(self) -> Kill | None:
        """Start or kill a process if due."""
        if self.process is None or self.loader is None:
            self._start()
            return None
        struck = self.kill_if_due(self.loader)
        if struck:
            self.process.join()
        if not self.process.is_alive():
            self.learn(self.loader.run_id)
            self.process = None
        return struck

    def end(self) -> None:
        """Wait for the current process."""
        if self.process is not None:
            self.process.join(60)

    def _start(self) -> None:
        chosen = self.chances.sample(list(self.account_ids), k=AT_A_TIME)
        self.count += 1
        run_id = f"cron-{self.count}"
        settings = Settings(data_dir=self.folder, raw_retention_days=3650)
        given = self.url, [self.accounts[one] for one in chosen], settings, run_id
        self.loader = self.found(run_id, chosen)
        self.process = PROCESSES.Process(target=load, args=given, daemon=True)
        self.process.start()
        self.loader.pid = self.process.pid


def load(url: str, accounts: Sequence[AccountSettings], settings: Settings, run_id: str) -> None:
    """Load the accounts."""
    engine = open_engine(url)
    for _ in load_fleet(engine, accounts, settings, threads=THREADS, run_id=run_id):
        pass
