"""What all who kill loaders share: who was asked, how long loading takes, and which moment is the next one's last."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from emulator import Emulator
from faults.running.accounts import EmulatedAccounts
from faults.running.kill import Kill, kill_process

SPARED: Final = 0.15
"""The share of processes that are not killed, so that every account is loaded now and then."""

DURATION: Final = """
    select extract(epoch from max(published_at) - min(observed_at)) from amocrm.snapshot where run_id = %s
"""


@dataclass(kw_only=True)
class Loader:
    """A process that loads some accounts."""

    run_id: str
    accounts: frozenset[int]
    asked_from: int  # the emulator's requests that came before it
    delay: float  # seconds from its first request to its death
    is_spared: bool
    pid: int | None = None
    first_asked: float | None = None


@dataclass(kw_only=True)
class Killer:
    """Kills loaders, each at a moment drawn evenly from the time that loading takes."""

    kind: str
    emulated: EmulatedAccounts
    emulator: Emulator
    connection: psycopg.Connection[Any]
    chances: random.Random
    session: int  # that its processes belong to: a number of a process is given again, and is a stranger's then
    is_on: bool = False  # whether anything is killed
    longest: float = 1.0  # seconds that loading takes, by those that nobody killed
    kills: list[Kill] = field(default_factory=list)

    def found(self, run_id: str, account_ids: Iterable[int], pid: int | None = None) -> Loader:
        """A loader that has begun, and its fate."""
        return Loader(
            run_id=run_id,
            accounts=frozenset(account_ids),
            asked_from=len(self.emulator.requests),
            delay=self.chances.random() * self.longest,
            is_spared=not self.is_on or self.chances.random() < SPARED,
            pid=pid,
        )

    def kill_if_due(self, loader: Loader) -> Kill | None:
        """Kill a loader if it is due."""
        asked = self._asked(loader)
        if asked and loader.first_asked is None:
            loader.first_asked = time.monotonic()
        if not self.is_on or loader.is_spared or loader.first_asked is None or loader.pid is None:
            return None
        if time.monotonic() < loader.first_asked + loader.delay:
            return None
        loader.is_spared = True  # it cannot be killed twice
        if not self.is_ours(loader.pid):
            return None
        done = kill_process(self.connection, loader.pid, loader.run_id, asked, kind=self.kind, since=loader.first_asked)
        if done:
            self.kills.append(done)
        return done

    def learn(self, run_id: str) -> None:
        """A loader has ended; if nobody killed it, it shows how long loading takes."""
        if run_id not in {one.run_id for one in self.kills}:
            row = self.connection.execute(DURATION, (run_id,)).fetchone()
            if row and row[0] is not None:
                self.longest = 0.5 * self.longest + 0.5 * float(row[0])

    def is_ours(self, pid: int) -> bool:
        """Whether the process is there and one of those that are hunted."""
        try:
            return os.getsid(pid) == self.session
        except ProcessLookupError:
            return False

    def _asked(self, loader: Loader) -> frozenset[int]:
        """Accounts that were asked since it is there; nobody else asks them meanwhile."""
        by_header = {f"Bearer {token}": account_id for account_id, token in self.emulated.tokens.items()}
        requests = self.emulator.requests[loader.asked_from :]
        return loader.accounts & {by_header.get(one.headers.get("authorization", ""), 0) for one in requests}
