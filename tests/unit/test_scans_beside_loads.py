"""Scans of customers let loads go first, and end nevertheless."""

from __future__ import annotations

from itertools import repeat

import pytest

from bench.customers.night import Night
from pipelines.amocrm.rate_limiter import RateLimiter
from pipelines.customers.reader import MAX_YIELD_SECONDS, QUIET_SECONDS, waits_for_turn


@pytest.mark.parametrize("threads", [1, 8])
def test_loads_of_a_fleet_end_at_most_ten_seconds_later_beside_scans(threads: int) -> None:
    quiet, busy = (Night(threads=threads, hours=1, scanned_accounts=5) for _ in range(2))
    quiet.play(has_scans=False)
    busy.play(has_scans=True)
    assert 0 < busy.delay(quiet) < 10


def test_a_scan_takes_its_turn_if_loads_never_pause() -> None:
    limiter = RateLimiter(interval=0.2, burst=2, address=RateLimiter(interval=0.5, burst=1))
    waits = [0.0]
    reserve(limiter, now=0.0)
    for wait in waits_for_turn(RateLimiter(interval=1.0, burst=1), limiter, lambda: sum(waits), float("-inf")):
        waits.append(wait)
        for one in limiter.limiter_chain():
            one.hold_until(sum(waits) + 2)
    assert sum(waits) == MAX_YIELD_SECONDS


def test_a_scan_waits_for_requests_of_loads_and_not_for_its_own() -> None:
    limiter = RateLimiter(interval=0.2, burst=2, address=RateLimiter(interval=0.125, burst=1))
    unlimited = RateLimiter(interval=0.0, burst=1)
    reserve(limiter, now=10.0)
    assert list(waits_for_turn(unlimited, limiter, lambda: 10.25, turn_at=10.0)) == [0.0]
    reserve(limiter, now=10.25)
    clock = iter((*repeat(10.25, 3), 10.75))
    assert sum(waits_for_turn(unlimited, limiter, lambda: next(clock), turn_at=10.0)) == pytest.approx(QUIET_SECONDS)
    reserve(unlimited, now=10.25)
    assert list(waits_for_turn(unlimited, unlimited, lambda: 10.25, turn_at=10.0)) == [0.0]


def reserve(limiter: RateLimiter, now: float) -> None:
    """Take a slot, as a request does."""
    for one in limiter.limiter_chain():
        one.reserve(now)
