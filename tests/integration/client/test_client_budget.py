"""Limits of a load: token, requests and time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulator import effects
from pipelines.base.errors import (
    ApiError,
    Unauthorized,
    Unavailable,
)
from tests.integration.client.client_account import QUICK_LIMITS, ClientAccount, requested_paths

# Tokens


def test_a_token_that_is_not_good_is_not_tried_again(account: ClientAccount) -> None:
    with account.client(token=lambda: "expired") as client, pytest.raises(Unauthorized):
        client.fetch_account()
    assert len(account.emulator.requests) == 1


class Refreshing:
    """A token that can be refreshed, and is good from then on or never."""

    def __init__(self, good: str) -> None:
        self.refreshed = 0
        self.good = good

    def __call__(self) -> str:
        return self.good if self.refreshed else "expired"

    def refresh(self) -> None:
        """Be good from now on."""
        self.refreshed += 1


def test_a_token_that_can_be_refreshed_is_once(account: ClientAccount) -> None:
    token = Refreshing(account.token)
    with account.client(token=token) as client:
        assert client.fetch_account().id == account.account_id
        assert client.fetch_list("segments").rows
    assert (token.refreshed, len(account.emulator.requests)) == (1, 3)


def test_a_refreshed_token_that_is_no_better_is_given_up(account: ClientAccount) -> None:
    token = Refreshing("still-expired")
    with account.client(token=token) as client, pytest.raises(Unauthorized):
        client.fetch_account()
    assert (token.refreshed, len(account.emulator.requests)) == (1, 2)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "é", "\x00"])
def test_a_token_that_no_header_can_carry_is_never_sent_nor_shown(account: ClientAccount, token: str) -> None:
    with account.client(token=lambda: token) as client, pytest.raises(Unauthorized) as caught:
        client.fetch_account()
    assert account.emulator.requests == []
    assert not token or token not in str(caught.value)


# Budget


def test_a_load_has_a_number_of_requests(account: ClientAccount) -> None:
    account.set_page_size(1)
    with pytest.raises(ApiError, match="used up its 10 requests"):
        account.extract(limits=replace(QUICK_LIMITS, requests=10))
    assert len(account.emulator.requests) == 10


def test_a_load_has_an_end(account: ClientAccount) -> None:
    clock = [1_000.0]
    with account.client(monotonic=lambda: clock[0]) as client:
        client.fetch_account()
        clock[0] += 899
        client.fetch_list("segments")
        clock[0] += 2
        with pytest.raises(Unavailable, match="longer than 900 seconds"):
            client.fetch_list("fields")
    assert requested_paths(account) == ["account", "segments"]


def test_the_last_answer_has_no_more_time_than_the_load(account: ClientAccount) -> None:
    clock = [1_000.0]
    with account.client(monotonic=lambda: clock[0]) as client:
        client.fetch_account()
        clock[0] += 899.8
        account.emulator.faults.add(effects.drip(0.05, is_head_too=True))
        with pytest.raises(Unavailable, match="not complete after 0 seconds"):
            client.fetch_list("segments")


def test_time_that_getting_a_token_takes_is_the_loads(account: ClientAccount) -> None:
    clock = [1_000.0]

    def token() -> str:
        clock[0] += 901
        return account.token

    with (
        account.client(monotonic=lambda: clock[0], token=token) as client,
        pytest.raises(Unavailable, match="getting a token"),
    ):
        client.fetch_account()
    assert requested_paths(account) == []


def test_confirmations_have_no_number_but_their_retries_do(account: ClientAccount) -> None:
    known = account.known
    for segment_id in account.segment_ids:
        account.emulator.world.delete_segment(account.account_id, segment_id)
    assert len(account.snapshot(known, replace(QUICK_LIMITS, requests=4)).gone_segment_ids) == 7
    assert len(account.emulator.requests) == 11
    account.emulator.requests.clear()
    account.emulator.faults.add(effects.status(500), resource="segment")
    with pytest.raises(ApiError, match="used up its 4 requests"):
        account.extract(known, replace(QUICK_LIMITS, requests=4))
    assert len(account.emulator.requests) == 5
