"""What a process was doing at the moment at which it is killed, as Postgres and the emulated amoCRM see it. Linux."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

DONE: Final = """
    select snapshot.account_id, coalesce(newest.observed_at >= snapshot.observed_at, false)
    from amocrm.snapshot left join amocrm.newest_answers as newest using (account_id)
    where snapshot.run_id = %s
"""
"""Accounts whose snapshot a run has published, and if its answers are cached, which is the last step of a load."""

TRANSACTIONS: Final = """
    select array_agg(relation::regclass::text || ' ' || mode) filter (where mode <> 'AccessShareLock')
    from pg_stat_activity join pg_locks using (pid)
    where client_port = any(%s) and xact_start is not null and locktype = 'relation'
    group by pid
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """A process that was killed, and what was on its way in it."""

    kind: str  # of the process
    run_id: str
    at: datetime
    seconds: float  # since it first asked amoCRM
    accounts: frozenset[int]  # whose loads were on their way
    phases: Mapping[str, int]  # how many of them were where


def kill_process(
    connection: psycopg.Connection[Any], pid: int, run_id: str, asked: frozenset[int], *, kind: str, since: float
) -> Kill | None:
    """Stop a process, look at what it does, and kill it; None where it has ended before.

    A process that is stopped does nothing more, so that it is killed in the moment in which it was stopped.
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
    """What a transaction does, by what it has written to."""
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
    """Ports of this machine that a process is connected from."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.update(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
        except FileNotFoundError:
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[9] in inodes]
