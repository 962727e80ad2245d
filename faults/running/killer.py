"""Kill loaders at random moments, and record their loads' phase as Postgres and the emulator see it."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from emulator import Emulator
from faults.running.accounts import EmulatedAccounts

SPARED: Final = 0.15
"""Share of processes that are not killed, so that every account is loaded sometimes."""

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
    """Kill loaders, each at a uniformly random moment of a load's duration."""

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
        """Register a loader that has begun, and choose when to kill it."""
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
        """Update the duration of a load from a loader that ended by itself."""
        if run_id not in {one.run_id for one in self.kills}:
            row = self.connection.execute(DURATION, (run_id,)).fetchone()
            if row and row[0] is not None:
                self.longest = 0.5 * self.longest + 0.5 * float(row[0])

    def is_ours(self, pid: int) -> bool:
        """True if the process exists and belongs to our session."""
        try:
            return os.getsid(pid) == self.session
        except ProcessLookupError:
            return False

    def _asked(self, loader: Loader) -> frozenset[int]:
        """Accounts requested since the loader began; no other process requests them."""
        by_header = {f"Bearer {token}": account_id for account_id, token in self.emulated.tokens.items()}
        requests = self.emulator.requests[loader.asked_from :]
        return loader.accounts & {by_header.get(one.headers.get("authorization", ""), 0) for one in requests}


DONE: Final = """
    select snapshot.account_id, coalesce(newest.observed_at >= snapshot.observed_at, false)
    from amocrm.snapshot left join amocrm.newest_answers as newest using (account_id)
    where snapshot.run_id = %s
"""
"""Accounts with a snapshot of a run, and if its digests, the last step of a load, are stored."""

TRANSACTIONS: Final = """
    select array_agg(relation::regclass::text || ' ' || mode) filter (where mode <> 'AccessShareLock')
    from pg_stat_activity join pg_locks using (pid)
    where client_port = any(%s) and xact_start is not null and locktype = 'relation'
    group by pid
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """A killed process and its interrupted loads."""

    kind: str  # of the process
    run_id: str
    at: datetime
    seconds: float  # since it first asked amoCRM
    accounts: frozenset[int]  # whose loads were on their way
    phases: Mapping[str, int]  # how many of them were where


def kill_process(
    connection: psycopg.Connection[Any], pid: int, run_id: str, asked: frozenset[int], *, kind: str, since: float
) -> Kill | None:
    """Stop a process, inspect it, and kill it; return None if it ended before.

    A stopped process does nothing more, so the inspection shows the state at the kill.
    """
    try:
        os.kill(pid, signal.SIGSTOP)
        at, seconds = datetime.now(UTC), time.monotonic() - since
        ports = _ports(pid)
        time.sleep(0.01)  # for what it has sent to be done
        published = dict(connection.execute(DONE, (run_id,)).fetchall())
        held = [set(row[0] or ()) for row in connection.execute(TRANSACTIONS, (ports,))]
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return None
    unfinished = asked - {account_id for account_id, is_remembered in published.items() if is_remembered}
    phases = Counter(map(_phase, held))
    between = len(unfinished) - phases.total()
    after = min(between, sum(account_id in published for account_id in unfinished))
    phases["published, then nothing"] = max(0, after)
    phases["asking amoCRM, or between two transactions"] = max(0, between - after)
    return Kill(kind=kind, run_id=run_id, at=at, seconds=seconds, accounts=unfinished, phases=+phases)


def _phase(locks: set[str]) -> str:
    """Phase of a transaction, by the tables that it has locked."""
    written = {lock.partition(" ")[0].removeprefix("amocrm.") for lock in locks if "RowExclusive" in lock}
    if any(table == "snapshot" or "segment" in table or "version" in table for table in written):
        return "in the transaction that publishes"
    if "newest_answers" in written:
        return "in the transaction that remembers the answers"
    if any("raw" in table for table in written):
        return "in the transaction that keeps the answers"
    if "account" in written or any(lock.startswith("amocrm.account ") for lock in locks):
        return "in the transaction that publishes"
    if any("AccessExclusive" in lock for lock in locks):
        return "in the transaction that makes the wide view"
    return "in a transaction that reads"


def _ports(pid: int) -> list[int]:
    """Local ports of a process's connections. Linux."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.update(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
        except FileNotFoundError:
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[9] in inodes]
