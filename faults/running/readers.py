"""Reader processes that query the views a thousand times a second and detect torn reads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import Final, Self

import psycopg

from faults.killing import PROCESSES
from faults.running.accounts import state_of

READERS: Final = 4
"""One process alone is not scheduled often enough on a busy machine."""

EVERY: Final = 0.001 * READERS
"""Seconds between two queries of a reader."""

LOOK: Final = """
    select
        (
            select array_agg(row(name, customers_count)::text order by segment_id)
            from analytics.segments where account_id = snapshot.account_id
        ),
        (
            select array_agg(row(name, customers_count)::text order by segment_id)
            from analytics.segment_snapshots
            where account_id = snapshot.account_id and observed_at = snapshot.observed_at
        ),
        snapshot.observed_at
    from analytics.snapshots as snapshot where account_id = %s order by observed_at desc limit 1
"""
"""Current segments, the latest snapshot's segments, and its instant, in one statement."""


@dataclass(kw_only=True, slots=True)
class Looks:
    """Results of readers."""

    count: int = 0
    seconds: float = 0.0
    snapshots: set[tuple[int, datetime]] = field(default_factory=set)
    torn: list[str] = field(default_factory=list)

    def add(self, other: Looks) -> None:
        """Add another reader's results."""
        self.count += other.count
        self.seconds = max(self.seconds, other.seconds)
        self.snapshots |= other.snapshots
        self.torn += other.torn


class Readers:
    """Query the accounts in turn, as a context manager; ``looks`` holds the results at the end."""

    def __init__(self, url: str, account_ids: Sequence[int]) -> None:
        self._looks, self._stopped = PROCESSES.Barrier(READERS + 1), PROCESSES.Event()
        self._told: Queue[Looks] = PROCESSES.Queue()
        shared = self._looks, self._stopped, self._told
        firsts = [number * len(account_ids) // READERS for number in range(READERS)]
        self._readers = [
            PROCESSES.Process(target=_look, args=(url, [*account_ids[at:], *account_ids[:at]], *shared), daemon=True)
            for at in firsts
        ]
        self.looks = Looks()

    def __enter__(self) -> Self:
        for reader in self._readers:
            reader.start()
        self._looks.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for _number in self._readers:
            self.looks.add(self._told.get(timeout=60))
        for reader in self._readers:
            reader.join(10)


def _look(url: str, account_ids: Sequence[int], looks_now: Barrier, stopped: Event, told: Queue[Looks]) -> None:
    looks, newest = Looks(), dict[int, tuple[datetime, list[str]]]()
    with psycopg.connect(url, autocommit=True) as connection:
        looks_now.wait(60)
        began = due = time.monotonic()
        for account_id in cycle(account_ids):
            if stopped.is_set():
                break
            found = connection.execute(LOOK, (account_id,), prepare=True).fetchone()
            looks.count += 1
            if found and (wrong := _wrong(found, newest.get(account_id))):
                looks.torn.append(f"account {account_id}: {wrong}: {found}")
            if found and newest.get(account_id) != (found[2], found[0]):
                newest[account_id] = found[2], found[0]
                looks.snapshots.add((account_id, found[2]))
            due = max(due + EVERY, time.monotonic() - 1.0)  # a reader that was held up catches up a second
            time.sleep(max(0.0, due - time.monotonic()))
    looks.seconds = time.monotonic() - began
    told.put(looks)


def _wrong(
    found: tuple[list[str] | None, list[str] | None, datetime], before: tuple[datetime, list[str]] | None
) -> str:
    """Describe a torn read: mixed states, a difference from the snapshot, or a step back."""
    now, rebuilt, observed_at = found
    if now is None or rebuilt is None or state_of(map(_pair, now)) is None:
        return "not one state"
    if now != rebuilt:
        return "the segments are not those of the newest snapshot"
    if before and observed_at < before[0]:
        return "an older snapshot than before"
    if before and observed_at == before[0] and now != before[1]:
        return "the same snapshot shows something else"
    return ""


def _pair(row: str) -> tuple[str, int]:
    name, _, size = row.strip("()").rpartition(",")
    return name.strip('"'), int(size)
