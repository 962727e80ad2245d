"""Scans of customers let queued loads go first, and end nevertheless."""

from __future__ import annotations

from bench.customers.night import Night
from pipelines.amocrm.rate_limiter import RateLimiter
from pipelines.customers.reader import MAX_YIELD_SECONDS, waits_for_turn


def test_loads_of_a_fleet_end_at_most_ten_seconds_later_beside_scans() -> None:
    quiet, busy = (Night(threads=8, hours=1, scanned_accounts=5) for _ in range(2))
    quiet.play(has_scans=False)
    busy.play(has_scans=True)
    assert 0 < busy.delay(quiet) < 10


def test_a_scan_takes_its_turn_if_loads_never_pause() -> None:
    limiter = RateLimiter(interval=0.2, burst=2, address=RateLimiter(interval=0.5, burst=1))
    waits = [0.0]
    for wait in waits_for_turn(RateLimiter(interval=1.0, burst=1), limiter, lambda: sum(waits)):
        waits.append(wait)
        for one in limiter.limiter_chain():
            one.hold_until(sum(waits) + 2)
    assert sum(waits) == MAX_YIELD_SECONDS
