"""Limits of requests to the API, and decisions on retries.

Pure: the caller passes in time and randomness.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeAlias

RetryReason: TypeAlias = Literal["rate limit", "transient error", "malformed body", "token"]
"""Why a request may be sent again. Each reason has its own number of retries."""

BLOCK_DURATION: Final = timedelta(hours=1)
"""Time without requests to a host that blocked this address: further requests prolong a block."""

MAX_RETRY_AFTER_SECONDS: Final = 31_536_000.0
"""Cap of a wait that a server asks for: a year, to keep arithmetic finite. A load gives up long before."""

MAX_SLOT_SECONDS_AHEAD: Final = 600.0
"""Limit of how far ahead a slot of the rate limiter may lie: ``max_wait_seconds`` and a queue of requests fit."""

TOKEN_REQUEST_SECONDS: Final = 120.0
"""``load_seconds`` of a request for tokens, retries included. Other processes wait for the result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits of one load, with their defaults. Times are in seconds."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0  # between two chunks of a response
    response_seconds: float = 60.0  # from the request to the last byte of the body
    load_seconds: float = 900.0  # from a load's first request to its last response, waits included
    body_bytes: int = 8 * 1024 * 1024  # of a decoded body
    requests: int = 40  # per load, without the first attempts of requests by id and of writes
    requests_per_second: float = 5.0  # to one host, by all loads that share rate limiters
    burst: int = 2  # requests sent to a host at once; with the rate, 7 in any second
    requests_per_second_per_address: float = math.inf  # to all hosts, without bursts
    transient_retries: int = 5  # after 5xx, a connection error, a deadline
    rate_limit_retries: int = 5  # after 429
    malformed_retries: int = 1  # after an invalid body
    token_retries: int = 1  # after 401, if the token can be refreshed
    max_wait_seconds: float = 120.0  # if a server asks for more, the load gives up
    backoff_base: float = 1.0  # bound of the first wait, doubled with each retry
    backoff_cap: float = 30.0
    page_limits: Mapping[str, int] = field(default_factory=dict)  # rows per page by list, if fewer than usual


class RetryPolicy:
    """Retries of one request: counts failures by reason and computes the wait before the next attempt."""

    def __init__(self, limits: Limits, random: Callable[[], float]) -> None:
        self._limits = limits
        self._random = random
        self._allowed: Mapping[RetryReason, int] = {
            "rate limit": limits.rate_limit_retries,
            "transient error": limits.transient_retries,
            "malformed body": limits.malformed_retries,
            "token": limits.token_retries,
        }
        self._failed: Counter[RetryReason] = Counter()

    def wait_after(self, reason: RetryReason, requested_wait: float | None = None) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        A wait that the server asks for is kept in full. Otherwise the wait is random, up to a bound
        that doubles with each attempt ("full jitter"), so that loads that failed together do not
        retry together.
        """
        self._failed[reason] += 1
        failures = self._failed[reason]
        if failures > self._allowed[reason] or (requested_wait or 0.0) > self._limits.max_wait_seconds:
            return None
        if reason == "token":
            return 0.0
        max_backoff = min(self._limits.backoff_cap, self._limits.backoff_base * 2.0 ** (failures - 1))
        return requested_wait or self._random() * max_backoff


class RequestQuota:
    """Requests and seconds (on the monotonic clock) that one load may still use."""

    def __init__(self, limits: Limits, *, started: float) -> None:
        self._requests_left = limits.requests
        self._ends = started + limits.load_seconds

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the load's deadline; negative after it."""
        return self._ends - now

    def take_request(self) -> bool:
        """Use up one request; return False if none is left."""
        if self._requests_left <= 0:
            return False
        self._requests_left -= 1
        return True
