"""How long, how often and how fast the API may be asked: numbers and decisions. Nothing reads a clock or sleeps here.

amoCRM allows 7 requests a second. Beyond that it answers 429, and to those who go on 403 to all calls, as an HTML page.
"""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.amocrm.protocol import Again, Reason
from pipelines.amocrm.turns import OwnTurns, SharedTurns, Turns

ADDRESS: Final = "address"
"""Name of the gate that all hosts share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Every limit of a load, with its default. Times are in seconds."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0  # between two pieces of an answer
    answer_seconds: float = 60.0  # from asking to the last byte of the body
    load_seconds: float = 900.0  # from the first request of a load to the last answer, waits included
    body_bytes: int = 8 * 1024 * 1024  # of a body, decoded
    requests: int = 40  # in a load, the first tries of confirmations by id aside
    requests_per_second: float = 5.0  # to one host, by all loads together that share their gates
    burst: int = 2  # requests that may go out to a host at once; with the rate, 7 in any second
    requests_per_second_per_address: float = math.inf  # to all hosts; evenly, so never more in any second
    trouble_retries: int = 5  # after 5xx, a broken connection, a deadline
    rate_limit_retries: int = 5  # after 429
    malformed_retries: int = 1  # after a body that is not what it should be
    token_retries: int = 1  # after 401, where the token can be refreshed
    longest_wait: float = 120.0  # a server that asks for more is not waited for
    backoff_base: float = 1.0  # the first wait lies between 0 and this, each further one may be twice as long
    backoff_cap: float = 30.0
    block_seconds: float = 3600.0  # how long a host is left alone that has blocked this address


class Retries:
    """How one request's tries go on: counts what went wrong so far, and says how long to wait before the next try."""

    def __init__(self, limits: Limits, random: Callable[[], float]) -> None:
        self._limits = limits
        self._random = random
        self._allowed: Mapping[Reason, int] = {
            "rate limit": limits.rate_limit_retries,
            "passing trouble": limits.trouble_retries,
            "malformed body": limits.malformed_retries,
            "token": limits.token_retries,
        }
        self._failed: Counter[Reason] = Counter()

    def wait_after(self, outcome: Again) -> float | None:
        """Seconds to wait before trying again, or None to give up: tries are used up, or the server asks for too long.

        What the server asks for is waited in full. Otherwise the wait is random between nothing and a bound that
        doubles with each try ("full jitter"), so that many loads that failed together do not come back together.
        """
        self._failed[outcome.reason] += 1
        failed = self._failed[outcome.reason]
        if failed > self._allowed[outcome.reason] or (outcome.wait or 0.0) > self._limits.longest_wait:
            return None
        if outcome.reason == "token":
            return 0.0
        bound = min(self._limits.backoff_cap, self._limits.backoff_base * 2.0 ** (failed - 1))
        return outcome.wait or self._random() * bound


class Budget:
    """What one load may still spend: requests, and seconds on the monotonic clock."""

    def __init__(self, limits: Limits, *, started: float) -> None:
        self._requests_left = limits.requests
        self._ends = started + limits.load_seconds

    def seconds_left(self, now: float) -> float:
        """Seconds until the load's deadline, negative once it has passed."""
        return self._ends - now

    def take_request(self) -> bool:
        """Spend a request; False where none is left."""
        if self._requests_left <= 0:
            return False
        self._requests_left -= 1
        return True


@dataclass(kw_only=True, slots=True)
class Gate:
    """The way to one host, or out of this machine's address. Safe from any thread.

    It spaces requests out (the generic cell rate algorithm: a token bucket that stores one number), holds all of them
    back while the host asks to wait, and closes for good while long when the host has blocked this address.
    """

    interval: float  # seconds between requests; 0: no limit
    burst: int
    turns: Turns = field(default_factory=OwnTurns)  # when the bucket would be full again
    address: Gate | None = None  # the gate behind this one, which requests to other hosts go through too
    _closed_until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def in_order(self) -> Iterator[Gate]:
        """The gate and what lies behind it. A turn there is taken when the one here has come, and not ahead of it."""
        yield self
        if self.address:
            yield from self.address.in_order()

    def reserve(self, now: float) -> float:
        """Take the next free moment for a request; returns the seconds until then."""
        due = max(self.turns.change(lambda turn: max(turn, now) + self.interval), now)
        return max(0.0, due - (self.burst - 1) * self.interval - now)

    def hold(self, until: float) -> None:
        """Let no request begin before ``until``."""
        self.turns.change(lambda turn: max(turn, until + (self.burst - 1) * self.interval))

    def close(self, until: float) -> None:
        """Refuse requests until ``until``: the host has blocked this address."""
        with self._lock:
            self._closed_until = max(self._closed_until, until)

    def seconds_closed(self, now: float) -> float:
        """Seconds for which requests are still refused; 0 where they are not."""
        with self._lock:
            return max(0.0, self._closed_until - now)


class Gates:
    """One gate per host, and behind all of them one for this machine's address, where the limits know of such a thing.

    Conversations that share this object share the gates; with a ``folder``, so do all processes that name the same one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._gates: dict[str, Gate] = {}
        self._lock = threading.Lock()

    def of(self, base_url: str, limits: Limits) -> Gate:
        """The gate of a host; the limits of the first who asks hold for all."""
        with self._lock:
            if base_url not in self._gates:
                is_spared = math.isfinite(limits.requests_per_second_per_address)
                address = self._made(ADDRESS, limits.requests_per_second_per_address, 1) if is_spared else None
                gate = self._made(base_url, limits.requests_per_second, limits.burst)
                gate.address = address
            return self._gates[base_url]

    def _made(self, name: str, per_second: float, burst: int) -> Gate:
        """The gate of that name, made if there is none yet."""
        if name not in self._gates:
            is_shared = self._folder is not None and math.isfinite(per_second)
            file = re.sub(r"[^a-z0-9.-]+", "_", name.partition("://")[2] or name)
            turns = SharedTurns(self._folder / file) if self._folder and is_shared else OwnTurns()
            self._gates[name] = Gate(interval=1.0 / per_second, burst=burst, turns=turns)
        return self._gates[name]


GATES = Gates()
"""One pace per host for the whole process, and one memory of hosts that have blocked this address."""
