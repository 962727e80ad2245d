"""Matching of faults, and the emulator's rate limit, without sockets."""

import pytest

from emulator import RateLimit, effects
from emulator.faults import Faults
from emulator.messages import Request


def request(path: str = "/api/v4/customers/segments", method: str = "GET", page: int = 1) -> Request:
    return Request(method=method, path=path, query={"page": str(page)})


def hits(faults: Faults, *requests: Request, account_id: int | None = 7) -> list[int]:
    return [len(faults.effects_for(one, account_id)) for one in requests]


def test_a_fault_without_conditions_is_for_all() -> None:
    faults = Faults()
    faults.add(effects.no_content())
    assert hits(faults, request(), request("/nowhere"), request(method="POST"), account_id=None) == [1, 1, 1]


def test_faults_match_resource_method_page_entity_and_account() -> None:
    faults = Faults()
    other = request("/api/v4/customers/segments/5")
    faults.add(effects.no_content(), resource="segments")
    assert hits(faults, request(), other, request("/api/v4/customers/segments/custom_fields")) == [1, 0, 0]
    faults.clear()
    faults.add(effects.no_content(), resource="segment", thing_id=5)
    assert hits(faults, request(), other, request("/api/v4/customers/segments/6")) == [0, 1, 0]
    faults.clear()
    faults.add(effects.no_content(), page=2)
    assert hits(faults, request(), request(page=2), request(page=3)) == [0, 1, 0]
    faults.clear()
    faults.add(effects.no_content(), method="PATCH")
    assert hits(faults, request(), request(method="PATCH")) == [0, 1]
    faults.clear()
    faults.add(effects.no_content(), host="old.example")
    renamed = Request(method="GET", path="/api/v4/account", headers={"host": "old.example"})
    assert hits(faults, request(), renamed) == [0, 1]
    faults.clear()
    faults.add(effects.no_content(), account_id=8)
    assert hits(faults, request()) == [0]
    assert hits(faults, request(), account_id=8) == [1]


def test_a_fault_can_begin_late_and_end() -> None:
    faults = Faults()
    fault = faults.add(effects.no_content(), resource="segments", nth=2, times=2)
    assert hits(faults, *[request()] * 3, request("/api/v4/account"), *[request()] * 2) == [0, 1, 1, 0, 0, 0]
    assert (fault.seen, fault.hits) == (5, 2)


def test_faults_add_up_and_are_switched_off() -> None:
    faults = Faults()
    first = faults.add(effects.no_content())
    with faults.during(effects.bom()):
        assert hits(faults, request()) == [2]
    assert hits(faults, request()) == [1]
    faults.remove(first)
    assert hits(faults, request()) == [0]
    with pytest.raises(ValueError, match="colour"):
        faults.add(effects.no_content(), colour="red")  # type: ignore[call-arg]


def test_every_effect_that_takes_plain_arguments_has_a_name() -> None:
    unnamed = {"before_response", "payload", "items", "raw", "repeated_thing"}
    makers = {
        name
        for name, one in vars(effects).items()
        if getattr(one, "__module__", "") == effects.__name__ and callable(one) and not name.startswith("_")
    }
    assert makers - {"named"} == set(effects.EFFECTS) | unnamed


def test_the_emulator_limits_requests_per_second() -> None:
    time = [0.0]
    limit = RateLimit(per_second=2, retry_after=9, now=lambda: time[0])
    assert [limit.refusal() for _ in range(2)] == [None, None]
    refused = limit.refusal()
    assert refused is not None
    assert (refused.status, refused.payload["retry_after"]) == (429, 9)
    time[0] = 0.99
    assert limit.refusal() is not None
    time[0] = 1.0
    assert limit.refusal() is None


def test_a_client_that_slows_down_is_not_blocked() -> None:
    time = [0.0]
    limit = RateLimit(per_second=1, blocks_after=2, now=lambda: time[0])
    for second in range(5):
        time[0] = float(second)
        assert [given and given.status for given in (limit.refusal(), limit.refusal())] == [None, 429]


def test_a_client_that_continues_is_blocked() -> None:
    time = [0.0]
    limit = RateLimit(per_second=1, blocks_after=3, now=lambda: time[0])
    statuses = [given and given.status for given in (limit.refusal() for _ in range(4))]
    assert statuses == [None, 429, 429, 403]
    time[0] = 3_600.0
    still = limit.refusal()
    assert still is not None
    assert (still.status, still.content_type) == (403, "text/html; charset=UTF-8")
    limit.is_blocked = False
    assert limit.refusal() is None
