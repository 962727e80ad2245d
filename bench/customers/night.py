"""Hourly loads of a fleet while its customers are scanned: simulated with the real rate limiters."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.customers.readme import Line
from pipelines.amocrm.rate_limiter import RateLimiter, RateLimiters
from pipelines.config.settings import Settings
from pipelines.customers.reader import MAX_REQUESTS_PER_SECOND, waits_for_turn
from pipelines.load.rate_limits import limits_for

ACCOUNTS: Final = 300
HOURS: Final = 5
"""Length of the default window for scans."""

LOAD_REQUESTS: Final = 3
SCAN_REQUESTS: Final = 80 + 7
"""Pages of 20,000 customers; the account and the segments twice; three pages of events."""

LIMITS: Final = limits_for(Settings(data_dir=Path()), "https://bench.amocrm.ru")
PUBLISH_SECONDS: Final = 2.0
RESPONSE_SECONDS: Final = 0.25
"""From sending a request to the response's last byte, over the Internet."""


@dataclass(kw_only=True, slots=True)
class Night:
    """A fleet behind one address. Actors yield the seconds that they sleep."""

    threads: int
    hours: int = HOURS
    scanned_accounts: int = ACCOUNTS
    now: float = 0.0
    scanned_at: float = 0.0
    ended: dict[tuple[int, int], float] = field(default_factory=dict)  # hour and account: seconds after the hour
    took: dict[tuple[int, int], float] = field(default_factory=dict)  # from a load's first request
    limiters: RateLimiters = field(default_factory=RateLimiters)

    def play(self, *, has_scans: bool) -> None:
        """Let all actors act until the last one has ended."""
        number = itertools.count()
        actors = [(0.0, next(number), self.scan_all())] if has_scans else []
        for hour in range(self.hours):
            waiting = deque(range(ACCOUNTS))
            actors += [(hour * 3600.0, next(number), self.load(hour, waiting)) for _ in range(self.threads)]
        heapq.heapify(actors)
        while actors:
            self.now, _, actor = heapq.heappop(actors)
            seconds = next(actor, None)
            if seconds is not None:
                heapq.heappush(actors, (self.now + seconds, next(number), actor))

    def load(self, hour: int, waiting: deque[int]) -> Iterator[float]:
        """Load accounts, one after another, until none is waiting."""
        while waiting:
            account, began = waiting.popleft(), self.now
            for _ in range(LOAD_REQUESTS):
                yield from self.request(account)
            self.ended[hour, account], self.took[hour, account] = self.now - hour * 3600.0, self.now - began

    def scan_all(self) -> Iterator[float]:
        """Scan the customers of all accounts, one after another."""
        scan_limiter, turn_at = RateLimiter(interval=1 / MAX_REQUESTS_PER_SECOND, burst=1), float("-inf")
        for account in range(self.scanned_accounts):
            for _ in range(SCAN_REQUESTS):
                yield from waits_for_turn(scan_limiter, self.limiter(account), lambda: self.now, turn_at)
                turn_at = self.now
                yield from self.request(account)
            yield PUBLISH_SECONDS
        self.scanned_at = self.now

    def delay(self, quiet: Night) -> float:
        """Return the largest delay of an account's load, in seconds, against a night without scans."""
        return max(self.ended[load] - quiet.ended[load] for load in quiet.ended)

    def request(self, account: int) -> Iterator[float]:
        """Wait for the host's and the address's limiter, and for the response."""
        for limiter in self.limiter(account).limiter_chain():
            yield limiter.reserve(self.now)
        yield RESPONSE_SECONDS

    def limiter(self, account: int) -> RateLimiter:
        """Return the limiter of an account's host."""
        return self.limiters.of(f"https://account{account}.amocrm.ru", LIMITS)


def night() -> Iterator[Line]:
    """Simulate nights with and without scans, and yield a table.

    In seconds: the longest load, the end of the fleet's last one, and how much later a load ends beside scans.
    """
    yield "night", "| threads | hours of scans | load | with scans | last load | with scans | largest delay |"
    yield "night", "|---:|---:|---:|---:|---:|---:|---:|"
    for threads in (1, 8, 32):
        quiet, busy = Night(threads=threads), Night(threads=threads)
        quiet.play(has_scans=False)
        busy.play(has_scans=True)
        delay = busy.delay(quiet)
        figures = [busy.scanned_at / 3600]
        figures += [max(found.values()) for found in (quiet.took, busy.took, quiet.ended, busy.ended)] + [delay]
        yield "night", f"| {threads} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |"
