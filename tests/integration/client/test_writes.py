"""Failed writes: an uncertain one is never repeated, one that was not sent is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from emulator import RateLimit, effects
from emulator.entities import Json
from emulator.faults import Effect
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.writes import WriteResult
from pipelines.base.errors import (
    ApiError,
    Blocked,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    UncertainWrite,
)
from tests.integration.client.client_account import QUICK_LIMITS, ClientAccount
from tests.records import START

SHORT_TIMEOUTS = replace(QUICK_LIMITS, read_seconds=0.2, response_seconds=0.3)

WRITES: Mapping[str, Callable[[AmoClient, int], WriteResult]] = {
    "POST": lambda client, _: client.writes.call("POST", "segments", None, {"name": "New"}),
    "PATCH": lambda client, segment_id: client.writes.call("PATCH", "segments", segment_id, {"name": "New"}),
    "DELETE": lambda client, segment_id: client.writes.call("DELETE", "segments", segment_id, None),
}

OUTCOME_UNKNOWN: Mapping[str, Callable[[], Effect]] = {
    "408": lambda: effects.status(408),
    "500": lambda: effects.error(500),
    "502 in HTML": lambda: effects.html(502),
    "503 that asks to wait": lambda: effects.status(503, headers={"Retry-After": "1"}),
    "504": lambda: effects.status(504),
    "another success": lambda: effects.status(202, "{}"),
    "HTML with 200": lambda: effects.html(200),
    "reset at once": effects.reset,
    "closed at once": effects.hang_up,
    "closed in the status line": lambda: effects.hang_up(5),
    "silence": effects.silence,
    "a slow head": lambda: effects.drip(0.05, is_head_too=True),
}
OUTCOME_UNKNOWN_BY_BODY: Mapping[str, Callable[[], Effect]] = {  # where there is a body
    "nothing where something is due": effects.no_content,
    "the page's trailing comma": effects.trailing_comma,
    "cut short": effects.truncated,
    "a bad checksum": effects.gzip_bad_crc,
    "not a segment": lambda: effects.payload(lambda _: []),
    "no id": lambda: effects.payload(lambda row: row | {"id": None}),
}


def names(account: ClientAccount) -> list[str]:
    return sorted(row["name"] for row in account.emulator.world.shown_segments(account.account_id))


def wait_for_change(account: ClientAccount, before: list[str]) -> None:
    """Wait for the write: on a busy machine the client may give up before the emulator has come to it."""
    deadline = time.monotonic() + 10
    while names(account) == before and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("verb", "fault"),
    [
        pytest.param(verb, fault, id=f"{verb}, {name}")
        for verb in WRITES
        for name, fault in [*OUTCOME_UNKNOWN.items(), *(OUTCOME_UNKNOWN_BY_BODY.items() if verb != "DELETE" else [])]
    ],
)
def test_a_write_that_may_have_happened_is_never_sent_twice(
    account: ClientAccount, verb: str, fault: Callable[[], Effect]
) -> None:
    before = names(account)
    account.emulator.faults.add(fault(), method=verb)
    with account.client(SHORT_TIMEOUTS) as client:
        with pytest.raises(UncertainWrite) as caught:
            WRITES[verb](client, account.segment_ids[0])
        wait_for_change(account, before)
        assert len(account.emulator.requests) == 1
        assert names(account) != before, "here it had happened"
        assert "outcome of the write is unknown" in caught.value.message
        assert "Plan again" in caught.value.advice
        assert caught.value.exit_code == 18
        attempt = caught.value.attempt
        assert attempt is not None
        assert attempt.request.method == verb
        assert caught.value.status == (attempt.response and attempt.response.status)
        assert client.responses == (), "what a load reads from holds no writes"
        account.emulator.faults.clear()
        assert len(client.fetch_list("segments").rows) == len(names(account)), "the connection is good again"


def test_a_response_about_another_entity_stays_uncertain(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.payload(lambda row: row | {"id": row["id"] + 1}), method="PATCH")
    with (
        account.client() as client,
        pytest.raises(UncertainWrite, match="another segment was returned than was changed"),
    ):
        client.writes.call("PATCH", "segments", account.segment_ids[0], {"name": "New"})


@pytest.mark.parametrize(
    "rows",
    [
        lambda rows: rows[:1],
        lambda rows: [*rows, rows[0]],
        lambda rows: [rows[0], rows[0]],
        lambda rows: [rows[0], rows[1] | {"request_id": "other"}],
        lambda rows: [rows[0], rows[1] | {"request_id": []}],
        lambda rows: [rows[0], None],
        lambda rows: [rows[0], rows[1] | {"id": "x"}],
        lambda _: None,
    ],
)
def test_indistinguishable_added_stages_stay_uncertain(account: ClientAccount, rows: Callable[[Json], Json]) -> None:
    account.emulator.world.switch_mode(account.account_id, "periodicity")
    changed = effects.payload(lambda document: {"_embedded": {"statuses": rows(document["_embedded"]["statuses"])}})
    account.emulator.faults.add(changed, method="POST")
    with account.client() as client, pytest.raises(UncertainWrite):
        client.writes.call("POST", "stages", None, [{"name": "A", "sort": 1}, {"name": "B", "sort": 2}])
    assert len(account.emulator.requests) == 1


# What certainly did not happen


@pytest.mark.parametrize("verb", WRITES)
def test_a_write_that_was_too_fast_is_sent_again_and_happens_once(account: ClientAccount, verb: str) -> None:
    account.emulator.limit = RateLimit(per_second=1, retry_after=7, now=lambda: sum(account.slept))
    account.emulator.limit.refusal()  # somebody else was quicker
    before = names(account)
    with account.client() as client:
        written = WRITES[verb](client, account.segment_ids[0])
    assert written.attempt.response is not None
    assert written.attempt.response.status in (200, 204)
    assert [request.method for request in account.emulator.requests] == [verb, verb]
    assert 7 in account.slept
    assert len(set(before) ^ set(names(account))) == {"POST": 1, "PATCH": 2, "DELETE": 1}[verb]


def test_a_write_that_is_always_too_fast_is_given_up(account: ClientAccount) -> None:
    account.emulator.limit = RateLimit(per_second=0)
    before = names(account)
    with account.client() as client, pytest.raises(RateLimited) as caught:
        client.writes.call("POST", "segments", None, {"name": "New"})
    assert len(account.emulator.requests) == 1 + QUICK_LIMITS.rate_limit_retries
    assert "changed nothing" in caught.value.advice
    assert names(account) == before


@dataclass(kw_only=True)
class Refreshing:
    """A token that is good once it was refreshed."""

    old: str
    new: str
    refreshed: int = 0

    def __call__(self) -> str:
        return self.new if self.refreshed else self.old

    def refresh(self) -> None:
        self.refreshed += 1


def test_a_write_with_an_expired_token_is_sent_again_once(account: ClientAccount) -> None:
    expired = account.emulator.long_lived_token(account.account_id, START - timedelta(days=1))
    token = Refreshing(old=expired, new=account.token)
    with account.client(token=token) as client:
        client.writes.call("POST", "segments", None, {"name": "New"})
    assert (token.refreshed, len(account.emulator.requests), names(account).count("New")) == (1, 2, 1)
    hopeless = Refreshing(old=expired, new=expired)
    with account.client(token=hopeless) as client, pytest.raises(Unauthorized):
        client.writes.call("POST", "segments", None, {"name": "New"})
    assert (hopeless.refreshed, len(account.emulator.requests), names(account).count("New")) == (1, 4, 1)


def test_a_write_that_never_left_is_tried_again_and_then_nothing_happened(account: ClientAccount) -> None:
    with account.client() as client, pytest.raises(Unavailable) as caught:
        account.emulator.stop()
        client.writes.call("POST", "segments", None, {"name": "New"})
    assert "refuses connections" in caught.value.message
    assert caught.value.attempt is None
    assert len(account.slept) >= QUICK_LIMITS.transient_retries


def test_a_write_is_not_begun_without_time_to_hear_of_it(account: ClientAccount) -> None:
    hurried = replace(QUICK_LIMITS, load_seconds=QUICK_LIMITS.response_seconds)
    with account.client(hurried) as client, pytest.raises(Unavailable, match="would take longer") as caught:
        client.writes.call("POST", "segments", None, {"name": "New"})
    assert account.emulator.requests == []
    assert caught.value.attempt is None


def test_what_is_gone_says_so(account: ClientAccount) -> None:
    with account.client() as client:
        client.writes.call("DELETE", "segments", account.segment_ids[0], None)
        for write in (WRITES["PATCH"], WRITES["DELETE"]):
            with pytest.raises(NotFound, match="plan again"):
                write(client, account.segment_ids[0])


def test_a_blocked_host_is_left_alone(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.blocked())
    for _ in range(2):
        with account.client() as client, pytest.raises(Blocked):
            client.writes.call("POST", "segments", None, {"name": "New"})
    assert len(account.emulator.requests) == 1


# The rest


def test_every_validation_error_is_reported(account: ClientAccount) -> None:
    account.emulator.world.switch_mode(account.account_id, "periodicity")
    with account.client() as client, pytest.raises(InvalidRequest) as caught:
        client.writes.call(
            "POST", "stages", None, [{"name": "", "sort": 1}, {"name": "B", "sort": "2", "shape": "round"}]
        )
    for told in ("name: This value should not be blank. (NotBlank)", "sort: ", "(InvalidType)", "shape: "):
        assert told in caught.value.message
    assert "Correct what the response names" in caught.value.advice


def test_a_plan_may_need_more_calls_than_a_load(account: ClientAccount) -> None:
    with account.client(replace(QUICK_LIMITS, requests=1)) as client:
        for number in range(50):
            client.writes.call("POST", "segments", None, {"name": f"New {number}"})
    assert len(names(account)) == 57


def test_texts_and_numbers_arrive_as_they_are(account: ClientAccount) -> None:
    name = 'Кофе ☕ \ud800 " \\ </script> %s'
    with account.client() as client:
        [segment_id] = client.writes.call("POST", "segments", None, {"name": name}).ids
    assert account.emulator.world.account(account.account_id).segments[segment_id].name == name


def test_a_refusal_holds_no_token(account: ClientAccount) -> None:
    token = account.token
    account.emulator.faults.add(effects.reset())
    with account.client(token=lambda: token) as client, pytest.raises(ApiError) as caught:
        client.writes.call("POST", "segments", None, {"name": "canary"})
    assert token not in repr(vars(caught.value))
    assert "canary" not in repr(caught.value.attempt)
