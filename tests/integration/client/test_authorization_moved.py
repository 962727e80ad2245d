"""Access by OAuth to an account that has another host now, which has to be one of amoCRM's."""

from __future__ import annotations

import time

import pytest

from emulator import effects
from emulator.messages import Answer
from faults.oauth_account import QUICK, OAuthAccount, Outage
from pipelines.errors import Blocked, NotFound


@pytest.fixture
def moved(place: OAuthAccount) -> tuple[OAuthAccount, str]:
    """An account that was authorized under one host, and is under another one now; and its old base URL."""
    old = place.emulator.url.replace("127.0.0.1", "localhost")
    place.authorization(old).authorize(place.code())
    gone = effects.html(404)
    for resource_name in ("account", "segments"):
        place.emulator.faults.add(gone, resource=resource_name, host=old.partition("://")[2])
    place.emulator.faults.add(
        effects.payload(lambda document: document | {"domain": place.emulator.host}), resource="subdomain"
    )
    return place, old


def test_an_account_that_moved_is_found_and_remembered(moved: tuple[OAuthAccount, str]) -> None:
    place, old = moved
    authorization = place.authorization(old)
    assert authorization.base_url == old
    with place.client(authorization) as client:
        assert client.account().id == place.account_id
        assert client.base_url == place.emulator.url
        assert len(client.segments().rows) == 1
    [asked] = [one for one in place.emulator.requests if one.path == "/oauth2/account/current/subdomain"]
    assert asked.headers["x-refresh-token"] == place.kept.pair.refresh_token.reveal()
    assert "authorization" not in asked.headers
    again = place.authorization(old)
    assert again.base_url == place.emulator.url
    with place.client(again) as client:
        client.account()
    assert len([one for one in place.emulator.requests if one.path == "/oauth2/account/current/subdomain"]) == 1
    with place.client(place.authorization(place.emulator.url)) as client:
        client.account()


def test_an_account_that_moved_is_asked_at_the_pace_of_its_host(moved: tuple[OAuthAccount, str]) -> None:
    place, old = moved
    with place.client(place.authorization(old)) as client:
        client.account()
        place.gates.of(place.emulator.url, QUICK).close(time.monotonic() + 1_000)
        with pytest.raises(Blocked):
            client.segments()


def test_tokens_of_an_account_that_moved_are_renewed_where_it_is(moved: tuple[OAuthAccount, str]) -> None:
    place, old = moved
    place.let_access_end()
    place.answers_with(Outage(answer=Answer(status=404, content_type="text/html", body=b"<html>"), times=1))
    with place.client(place.authorization(old)) as client:
        client.account()
    assert [request.headers["host"] for request in place.emulator.requests if request.method == "POST"][-2:] == [
        old.partition("://")[2],
        place.emulator.host,
    ]
    assert place.kept.base_url == place.emulator.url
    assert place.kept.lost is None


@pytest.mark.parametrize(
    "answer",
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
    moved: tuple[OAuthAccount, str], answer: dict[str, object]
) -> None:
    place, old = moved
    place.emulator.faults.add(effects.payload(lambda document: document | answer), resource="subdomain")
    with place.client(place.authorization(old)) as client, pytest.raises(NotFound):
        client.account()
    assert place.authorization(old).base_url == old


def test_a_host_that_answers_nothing_useful_moves_nothing(moved: tuple[OAuthAccount, str]) -> None:
    place, old = moved
    place.emulator.faults.add(effects.error(401), resource="subdomain")
    with place.client(place.authorization(old)) as client, pytest.raises(NotFound):
        client.account()
    kept = place.authorization(old).kept
    assert kept is not None
    assert (kept.base_url, kept.lost) == (old, None)
