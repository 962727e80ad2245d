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

from pipelines.amocrm.protocol import Retry, RetryReason
from pipelines.amocrm.slot_store import FileSlotStore, MemorySlotStore, SlotStore

ADDRESS_LIMITER_NAME: Final = "address"
"""Name of the gate that all hosts share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Every limit of a load, with its default. Times are in seconds."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0  # between two pieces of an answer
    response_seconds: float = 60.0  # from asking to the last byte of the body
    load_seconds: float = 900.0  # from the first request of a load to the last answer, waits included
    body_bytes: int = 8 * 1024 * 1024  # of a body, decoded
    requests: int = 40  # in a load, the first tries of confirmations by id aside
    requests_per_second: float = 5.0  # to one host, by all loads together that share their gates
    burst: int = 2  # requests that may go out to a host at once; with the rate, 7 in any second
    requests_per_second_per_address: float = math.inf  # to all hosts; evenly, so never more in any second
    transient_retries: int = 5  # after 5xx, a broken connection, a deadline
    rate_limit_retries: int = 5  # after 429
    malformed_retries: int = 1  # after a body that is not what it should be
    token_retries: int = 1  # after 401, where the token can be refreshed
    max_wait_seconds: float = 120.0  # a server that asks for more is not waited for
    backoff_base: float = 1.0  # the first wait lies between 0 and this, each further one may be twice as long
    backoff_cap: float = 30.0
    block_seconds: float = 3600.0  # how long a host is left alone that has blocked this address


class RetryPolicy:
    """How one request's tries go on: counts what went wrong so far, and says how long to wait before the next try."""

    def __init__(self, limits: Limits, random: Callable[[], float]) -> None:
        self._limits = limits
        self._random = random
        self._allowed: Mapping[RetryReason, int] = {
            "rate limit": limits.rate_limit_retries,
            "passing trouble": limits.transient_retries,
            "malformed body": limits.malformed_retries,
            "token": limits.token_retries,
        }
        self._failed: Counter[RetryReason] = Counter()

    def wait_after(self, retry: Retry) -> float | None:
        """Seconds to wait before trying again, or None to give up: tries are used up, or the server asks for too long.

        What the server asks for is waited in full. Otherwise the wait is random between nothing and a bound that
        doubles with each try ("full jitter"), so that many loads that failed together do not come back together.
        """
        self._failed[retry.reason] += 1
        failures = self._failed[retry.reason]
        if failures > self._allowed[retry.reason] or (retry.wait or 0.0) > self._limits.max_wait_seconds:
            return None
        if retry.reason == "token":
            return 0.0
        max_backoff = min(self._limits.backoff_cap, self._limits.backoff_base * 2.0 ** (failures - 1))
        return retry.wait or self._random() * max_backoff


class RequestQuota:
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
class RateLimiter:
    """The way to one host, or out of this machine's address. Safe from any thread.

    It spaces requests out (the generic cell rate algorithm: a token bucket that stores one number), holds all of them
    back while the host asks to wait, and closes for good while long when the host has blocked this address.
    """

    interval: float  # seconds between requests; 0: no limit
    burst: int
    slots: SlotStore = field(default_factory=MemorySlotStore)  # when the bucket would be full again
    address: RateLimiter | None = None  # the gate behind this one, which requests to other hosts go through too
    _blocked_until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def limiter_chain(self) -> Iterator[RateLimiter]:
        """The gate and what lies behind it. A turn there is taken when the one here has come, and not ahead of it."""
        yield self
        if self.address:
            yield from self.address.limiter_chain()

    def reserve(self, now: float) -> float:
        """Take the next free moment for a request; returns the seconds until then."""
        slot_time = max(self.slots.update(lambda slot: max(slot, now) + self.interval), now)
        return max(0.0, slot_time - (self.burst - 1) * self.interval - now)

    def hold_until(self, until: float) -> None:
        """Let no request begin before ``until``."""
        self.slots.update(lambda slot: max(slot, until + (self.burst - 1) * self.interval))

    def block_until(self, until: float) -> None:
        """Refuse requests until ``until``: the host has blocked this address."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, until)

    def seconds_blocked(self, now: float) -> float:
        """Seconds for which requests are still refused; 0 where they are not."""
        with self._lock:
            return max(0.0, self._blocked_until - now)


class RateLimiters:
    """One gate per host, and behind all of them one for this machine's address, where the limits know of such a thing.

    Conversations that share this object share the gates; with a ``folder``, so do all processes that name the same one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._lock = threading.Lock()

    def of(self, base_url: str, limits: Limits) -> RateLimiter:
        """The gate of a host; the limits of the first who asks hold for all."""
        with self._lock:
            if base_url not in self._rate_limiters:
                has_address_limit = math.isfinite(limits.requests_per_second_per_address)
                address = (
                    self._get_or_create(ADDRESS_LIMITER_NAME, limits.requests_per_second_per_address, 1)
                    if has_address_limit
                    else None
                )
                rate_limiter = self._get_or_create(base_url, limits.requests_per_second, limits.burst)
                rate_limiter.address = address
            return self._rate_limiters[base_url]

    def _get_or_create(self, name: str, per_second: float, burst: int) -> RateLimiter:
        """The gate of that name, made if there is none yet."""
        if name not in self._rate_limiters:
            is_shared = self._folder is not None and math.isfinite(per_second)
            file = re.sub(r"[^a-z0-9.-]+", "_", name.partition("://")[2] or name)
            slots = FileSlotStore(self._folder / file) if self._folder and is_shared else MemorySlotStore()
            self._rate_limiters[name] = RateLimiter(interval=1.0 / per_second, burst=burst, slots=slots)
        return self._rate_limiters[name]


RATE_LIMITERS = RateLimiters()
"""One pace per host for the whole process, and one memory of hosts that have blocked this address."""
