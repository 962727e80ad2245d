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
        """The gate and what lies behind it.

        A turn there is taken when the one here has come, and not ahead of it.
        """
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

    Conversations that share this object share the gates; with a ``folder``, so do all processes
    that name the same one.
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
