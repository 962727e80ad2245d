"""Waits, retries and rate limits."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm.limits import Limits, RequestQuota, RetryPolicy, RetryReason
from pipelines.amocrm.rate_limiter import RateLimiter, RateLimiters


def test_the_defaults_are_those_of_the_design() -> None:
    assert Limits() == Limits(
        connect_seconds=5,
        read_seconds=20,
        response_seconds=60,
        load_seconds=15 * 60,
        body_bytes=8 * 1024 * 1024,
        requests=40,
        requests_per_second=5,
        transient_retries=5,
        rate_limit_retries=5,
        malformed_retries=1,
        token_retries=1,
        max_wait_seconds=120,
        backoff_base=1,
        backoff_cap=30,
    )


@pytest.mark.parametrize(
    ("reason", "waits"),
    [
        ("transient error", [1, 2, 4, 8, 16, None]),
        ("rate limit", [1, 2, 4, 8, 16, None]),
        ("malformed body", [1, None]),
        ("token", [0, None]),
    ],
)
def test_each_reason_has_its_number_of_retries_and_its_backoff(reason: RetryReason, waits: list[float | None]) -> None:
    retries = RetryPolicy(Limits(), random=lambda: 1.0)
    assert [retries.wait_after(reason) for _ in waits] == waits


def test_backoff_is_capped_and_fully_jittered() -> None:
    retries = RetryPolicy(Limits(transient_retries=20), random=lambda: 0.5)
    assert [retries.wait_after("transient error") for _ in range(8)] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_reasons_are_counted_apart() -> None:
    retries = RetryPolicy(Limits(), random=lambda: 0.0)
    assert retries.wait_after("malformed body") == 0.0
    assert retries.wait_after("token") == 0.0
    assert all(retries.wait_after("transient error") == 0.0 for _ in range(5))
    assert retries.wait_after("malformed body") is None


@pytest.mark.parametrize("reason", ["rate limit", "transient error"])
def test_a_requested_wait_is_kept_in_full_or_refused(reason: RetryReason) -> None:
    retries = RetryPolicy(Limits(), random=lambda: 0.0)
    assert retries.wait_after(reason, 120) == 120
    assert retries.wait_after(reason, 120.5) is None


def test_a_budget_ends_with_its_requests_and_its_time() -> None:
    budget = RequestQuota(Limits(requests=2, load_seconds=900), started=100)
    assert [budget.take_request() for _ in range(3)] == [True, True, False]
    assert budget.seconds_left(100) == 900
    assert budget.seconds_left(1001) == -1


def test_a_gate_lets_a_burst_pass_and_spaces_the_rest() -> None:
    rate_limiter = RateLimiter(interval=0.2, burst=2)
    assert [round(rate_limiter.reserve(10.0), 6) for _ in range(5)] == [0, 0, 0.2, 0.4, 0.6]
    assert rate_limiter.reserve(100.0) == 0


@given(st.lists(st.floats(min_value=0, max_value=3), max_size=60))
def test_no_second_ever_sees_more_than_seven_requests(pauses: list[float]) -> None:
    rate_limiter = RateLimiters().of("http://host", Limits())
    now, sent = 0.0, []
    for pause in pauses:
        now += pause
        sent.append(now + rate_limiter.reserve(now))
    assert all(sum(start <= moment < start + 0.999 for moment in sent) <= 7 for start in sent)


def test_a_paused_limiter_releases_requests_one_by_one() -> None:
    rate_limiter = RateLimiter(interval=0.2, burst=2)
    rate_limiter.hold_until(60.0)
    assert [round(rate_limiter.reserve(0.0), 6) for _ in range(3)] == [60, 60.2, 60.4]


def test_a_hold_never_shortens_what_is_due_already() -> None:
    rate_limiter = RateLimiter(interval=1.0, burst=1)
    for _ in range(10):
        rate_limiter.reserve(0.0)
    rate_limiter.hold_until(3.0)
    assert rate_limiter.reserve(0.0) == 10.0


def test_a_closed_gate_opens_by_itself() -> None:
    rate_limiter = RateLimiter(interval=0.2, burst=2)
    assert rate_limiter.seconds_blocked(0.0) == 0
    rate_limiter.block_until(3600.0)
    rate_limiter.block_until(10.0)
    assert rate_limiter.seconds_blocked(600.0) == 3000
    assert rate_limiter.seconds_blocked(3600.0) == 0


def test_a_host_has_one_gate_for_all_threads() -> None:
    rate_limiters, seen = RateLimiters(), []
    threads = [threading.Thread(target=lambda: seen.append(rate_limiters.of("http://a", Limits()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(rate_limiter) for rate_limiter in seen}) == 1
    assert rate_limiters.of("http://b", Limits()) is not seen[0]


def test_threads_that_share_a_gate_never_get_the_same_moment() -> None:
    rate_limiter, waits = RateLimiter(interval=1.0, burst=1), []
    lock = threading.Lock()

    def take() -> None:
        for _ in range(100):
            wait = rate_limiter.reserve(0.0)
            with lock:
                waits.append(wait)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(number) for number in range(800)]
