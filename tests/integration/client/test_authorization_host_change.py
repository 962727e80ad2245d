"""OAuth for an account that moved to another host of amoCRM."""

from __future__ import annotations

import time

import pytest

from emulator import effects
from emulator.messages import Response
from faults.oauth_account import QUICK, OAuthAccount, Outage
from pipelines.base.errors import Blocked, NotFound


@pytest.fixture
def moved(oauth_account: OAuthAccount) -> tuple[OAuthAccount, str]:
    """An account that was authorized under one host, and is under another one now; and its old base URL."""
    old = oauth_account.emulator.url.replace("127.0.0.1", "localhost")
    oauth_account.authorization(old).authorize(oauth_account.code())
    gone = effects.html(404)
    for resource_name in ("account", "segments"):
        oauth_account.emulator.faults.add(gone, resource=resource_name, host=old.partition("://")[2])
    oauth_account.emulator.faults.add(
        effects.payload(lambda document: document | {"domain": oauth_account.emulator.host}), resource="subdomain"
    )
    return oauth_account, old


def test_the_new_host_of_a_moved_account_is_found_and_stored(moved: tuple[OAuthAccount, str]) -> None:
    oauth_account, old = moved
    authorization = oauth_account.authorization(old)
    assert authorization.base_url == old
    with oauth_account.client(authorization) as client:
        assert client.fetch_account().id == oauth_account.account_id
        assert client.base_url == oauth_account.emulator.url
        assert len(client.fetch_list("segments").rows) == 1
    [asked] = [one for one in oauth_account.emulator.requests if one.path == "/oauth2/account/current/subdomain"]
    assert asked.headers["x-refresh-token"] == oauth_account.stored_tokens.pair.refresh_token.reveal()
    assert "authorization" not in asked.headers
    again = oauth_account.authorization(old)
    assert again.base_url == oauth_account.emulator.url
    with oauth_account.client(again) as client:
        client.fetch_account()
    assert len([one for one in oauth_account.emulator.requests if one.path == "/oauth2/account/current/subdomain"]) == 1
    with oauth_account.client(oauth_account.authorization(oauth_account.emulator.url)) as client:
        client.fetch_account()


def test_the_new_hosts_rate_limit_applies_to_a_moved_account(moved: tuple[OAuthAccount, str]) -> None:
    oauth_account, old = moved
    with oauth_account.client(oauth_account.authorization(old)) as client:
        client.fetch_account()
        oauth_account.rate_limiters.of(oauth_account.emulator.url, QUICK).block_until(time.monotonic() + 1_000)
        with pytest.raises(Blocked):
            client.fetch_list("segments")


def test_tokens_of_an_account_that_moved_are_renewed_where_it_is(moved: tuple[OAuthAccount, str]) -> None:
    oauth_account, old = moved
    oauth_account.let_access_end()
    oauth_account.answers_with(Outage(response=Response(status=404, content_type="text/html", body=b"<html>"), times=1))
    with oauth_account.client(oauth_account.authorization(old)) as client:
        client.fetch_account()
    assert [request.headers["host"] for request in oauth_account.emulator.requests if request.method == "POST"][
        -2:
    ] == [
        old.partition("://")[2],
        oauth_account.emulator.host,
    ]
    assert oauth_account.stored_tokens.base_url == oauth_account.emulator.url
    assert oauth_account.stored_tokens.lost_reason is None


@pytest.mark.parametrize(
    "response",
    [
        {"domain": "evil.example.com"},
        {"domain": "example.amocrm.ru.evil.com"},
        {"domain": "example.amocrm.ru"},  # from this machine to the internet
        {"domain": None},
        {"domain": 5},
        {"id": 1},
        {"id": None},
    ],
)
def test_a_new_host_that_is_not_amocrms_gets_nothing(
    moved: tuple[OAuthAccount, str], response: dict[str, object]
) -> None:
    oauth_account, old = moved
    oauth_account.emulator.faults.add(effects.payload(lambda document: document | response), resource="subdomain")
    with oauth_account.client(oauth_account.authorization(old)) as client, pytest.raises(NotFound):
        client.fetch_account()
    assert oauth_account.authorization(old).base_url == old


def test_a_host_that_answers_nothing_useful_moves_nothing(moved: tuple[OAuthAccount, str]) -> None:
    oauth_account, old = moved
    oauth_account.emulator.faults.add(effects.error(401), resource="subdomain")
    with oauth_account.client(oauth_account.authorization(old)) as client, pytest.raises(NotFound):
        client.fetch_account()
    stored_tokens = oauth_account.authorization(old).stored_tokens
    assert stored_tokens is not None
    assert (stored_tokens.base_url, stored_tokens.lost_reason) == (old, None)
