"""Rate limiters: one per host, and one for this machine's address.

amoCRM allows 7 requests a second. Beyond that it answers 429, and if the client goes on, 403 with an
HTML page to every call.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.amocrm.limits import Limits
from pipelines.amocrm.slot_store import FileSlotStore, MemorySlotStore, SlotStore

ADDRESS_LIMITER_NAME: Final = "address"
"""Name of the rate limiter that all hosts share."""


@dataclass(kw_only=True, slots=True)
class RateLimiter:
    """Rate limiter of one host, or of this machine's address. Thread-safe.

    Spaces requests with the generic cell rate algorithm (a token bucket that stores one number),
    delays all of them after a 429, and refuses them while the host blocks this address.
    """

    interval: float  # seconds between requests; 0: no limit
    burst: int
    slots: SlotStore = field(default_factory=MemorySlotStore)  # time at which the bucket is full
    address: RateLimiter | None = None  # limiter of this machine's address, shared by all hosts
    _blocked_until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def limiter_chain(self) -> Iterator[RateLimiter]:
        """Yield this limiter, then that of the address, in the order in which slots are taken."""
        yield self
        if self.address:
            yield from self.address.limiter_chain()

    def reserve(self, now: float) -> float:
        """Reserve the next free slot; return the seconds until it."""
        slot_time = max(self.slots.update(lambda slot: max(slot, now) + self.interval), now)
        return max(0.0, slot_time - (self.burst - 1) * self.interval - now)

    def last_reserved_at(self) -> float:
        """Return when this limiter's or the address's latest slot was reserved; later if slots are queued or held.

        Without a limit nobody waits for slots: then it is never.
        """
        return max(
            limiter.slots.update(lambda slot: slot) - limiter.interval if limiter.interval else float("-inf")
            for limiter in self.limiter_chain()
        )

    def hold_until(self, until: float) -> None:
        """Delay all requests until ``until``."""
        self.slots.update(lambda slot: max(slot, until + (self.burst - 1) * self.interval))

    def block_until(self, until: float) -> None:
        """Refuse requests until ``until``: the host has blocked this address."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, until)

    def seconds_blocked(self, now: float) -> float:
        """Return the seconds for which requests are still refused, or 0."""
        with self._lock:
            return max(0.0, self._blocked_until - now)


class RateLimiters:
    """Rate limiters by host, and one for this machine's address if the limits have a rate for it.

    With a ``folder``, all processes that use the same folder share them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._lock = threading.Lock()

    def of(self, base_url: str, limits: Limits) -> RateLimiter:
        """Return the limiter of a host. The first caller's limits apply."""
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
        """Return the limiter of that name."""
        if name not in self._rate_limiters:
            is_shared = self._folder is not None and math.isfinite(per_second)
            file = re.sub(r"[^a-z0-9.-]+", "_", name.partition("://")[2] or name)
            slots = FileSlotStore(self._folder / file) if self._folder and is_shared else MemorySlotStore()
            self._rate_limiters[name] = RateLimiter(interval=1.0 / per_second, burst=burst, slots=slots)
        return self._rate_limiters[name]


RATE_LIMITERS = RateLimiters()
"""Rate limiters of this process, with the hosts that have blocked this address."""
