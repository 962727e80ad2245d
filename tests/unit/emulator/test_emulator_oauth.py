"""The emulator's OAuth: codes and refresh tokens that work once and expire."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from emulator import Clock, World, oauth
from emulator.entities import Integration
from emulator.messages import Request, Response
from emulator.responses import respond

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REDIRECT = "http://127.0.0.1:9000/back"


@pytest.fixture
def world() -> World:
    world = World(clock=Clock(NOW))
    world.add_account(subdomain="corner")
    return world


@pytest.fixture
def account_id(world: World) -> int:
    return next(iter(world.accounts))


@pytest.fixture
def integration(world: World) -> Integration:
    return oauth.add_integration(world, REDIRECT)


def ask(world: World, integration: Integration, *, is_form: bool = False, **parameters: Any) -> Response:
    sent = {
        "client_id": integration.client_id,
        "client_secret": integration.client_secret,
        "redirect_uri": integration.redirect_uri,
    } | parameters
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    body = urlencode(sent) if is_form else json.dumps(sent)
    request = Request(
        method="POST",
        path="/oauth2/access_token",
        headers={"content-type": kind},
        body=body.encode(),
        base_url="http://here:1",
    )
    return respond(world, request)


def pair(world: World, integration: Integration, account_id: int) -> dict[str, Any]:
    code = oauth.authorize(world, integration.client_id, account_id)
    given: dict[str, Any] = ask(world, integration, grant_type="authorization_code", code=code).payload
    return given


def refresh(world: World, integration: Integration, token: str) -> Response:
    return ask(world, integration, grant_type="refresh_token", refresh_token=token)


def account_of(world: World, access_token: str) -> Response:
    headers = {"authorization": f"Bearer {access_token}"}
    return respond(world, Request(method="GET", path="/api/v4/account", headers=headers))


@pytest.mark.parametrize("is_form", [False, True])
def test_a_code_gives_a_pair_once(world: World, integration: Integration, account_id: int, is_form: bool) -> None:
    code = oauth.authorize(world, integration.client_id, account_id)
    given = ask(world, integration, is_form=is_form, grant_type="authorization_code", code=code)
    assert (given.status, given.content_type) == (200, "application/json")
    assert (given.payload["token_type"], given.payload["expires_in"]) == ("Bearer", 86_400)
    assert account_of(world, given.payload["access_token"]).payload["id"] == account_id
    again = ask(world, integration, grant_type="authorization_code", code=code)
    assert (again.status, again.payload["hint"]) == (400, "Authorization code has been revoked")


def test_each_refresh_token_works_once(world: World, integration: Integration, account_id: int) -> None:
    first = pair(world, integration, account_id)
    second = refresh(world, integration, first["refresh_token"])
    assert second.status == 200
    assert second.payload["refresh_token"] != first["refresh_token"]
    assert second.payload["access_token"] != first["access_token"]
    again = refresh(world, integration, first["refresh_token"])
    assert (again.status, again.payload["hint"]) == (401, "Token has been revoked")
    assert refresh(world, integration, second.payload["refresh_token"]).status == 200
    assert account_of(world, first["access_token"]).status == 200, "an access token lives its time"


def test_everything_has_its_time(world: World, integration: Integration, account_id: int) -> None:
    code = oauth.authorize(world, integration.client_id, account_id)
    given = pair(world, integration, account_id)
    world.clock.advance(timedelta(minutes=20))
    expired = ask(world, integration, grant_type="authorization_code", code=code)
    assert (expired.status, expired.payload["hint"]) == (400, "Authorization code has expired")
    world.clock.set(NOW + timedelta(hours=24, seconds=-1))
    assert account_of(world, given["access_token"]).status == 200
    world.clock.set(NOW + timedelta(hours=24))
    assert account_of(world, given["access_token"]).status == 401
    world.clock.set(NOW + timedelta(days=90))
    late = refresh(world, integration, given["refresh_token"])
    assert (late.status, late.payload["hint"]) == (401, "Token has expired")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"client_id": "x"}, 401),
        ({"client_secret": "x"}, 401),
        ({"client_secret": None}, 401),
        ({"redirect_uri": "http://elsewhere/"}, 400),
        ({"grant_type": "password"}, 400),
        ({"code": "x"}, 400),
    ],
)
def test_a_wrong_parameter_is_refused_and_costs_nothing(
    world: World, integration: Integration, account_id: int, wrong: dict[str, Any], status: int
) -> None:
    right: dict[str, Any] = {
        "grant_type": "authorization_code",
        "code": oauth.authorize(world, integration.client_id, account_id),
    }
    given = ask(world, integration, **(right | wrong))
    assert (given.status, given.content_type) == (status, "application/problem+json")
    assert ask(world, integration, **right).status == 200


def test_a_grant_is_good_for_its_kind_and_its_client_only(
    world: World, integration: Integration, account_id: int
) -> None:
    other = oauth.add_integration(world, REDIRECT)
    token = pair(world, integration, account_id)["refresh_token"]
    assert refresh(world, other, token).status == 401
    assert ask(world, integration, grant_type="authorization_code", code=token).status == 400
    code = oauth.authorize(world, integration.client_id, account_id)
    assert refresh(world, integration, code).status == 401
    assert refresh(world, integration, token).status == 200


@pytest.mark.parametrize("body", [b"", b"nothing", b"[]", b"[" * 200_000])
def test_a_body_that_says_nothing_is_refused(world: World, body: bytes) -> None:
    assert respond(world, Request(method="POST", path="/oauth2/access_token", body=body)).status == 401
    assert respond(world, Request(method="GET", path="/oauth2/access_token")).status == 405


def test_consent_sends_the_browser_back_with_a_code(world: World, integration: Integration, account_id: int) -> None:
    other = world.add_account()
    for chosen, query in [(account_id, {}), (other, {"account_id": str(other)})]:
        request = Request(
            method="GET", path="/oauth", query={"client_id": integration.client_id, "state": "s&"} | query
        )
        given = respond(world, request)
        assert given.status == 302
        back = urlsplit(given.headers["Location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT
        parameters = parse_qs(back.query)
        assert (parameters["state"], parameters["client_id"]) == (["s&"], [integration.client_id])
        tokens = ask(world, integration, grant_type="authorization_code", code=parameters["code"][0]).payload
        assert account_of(world, tokens["access_token"]).payload["id"] == chosen
    assert respond(world, Request(method="GET", path="/oauth", query={"client_id": "x"})).status == 400


def test_a_moved_account_is_found_by_its_refresh_token(world: World, integration: Integration, account_id: int) -> None:
    token = pair(world, integration, account_id)["refresh_token"]
    world.move_account(account_id, subdomain="elsewhere")

    def where(value: str) -> Response:
        path = "/oauth2/account/current/subdomain"
        headers = {"x-refresh-token": value}
        return respond(world, Request(method="GET", path=path, headers=headers, base_url="http://here:1"))

    expected = {"id": account_id, "subdomain": "elsewhere", "domain": "here:1", "top_level_domain": "com"}
    assert where(token).payload == expected
    assert where(token).payload == expected, "asking costs nothing"
    assert where("x").status == 401
    assert refresh(world, integration, token).status == 200
    assert where(token).status == 401


def test_grants_outlive_the_process(world: World, integration: Integration, account_id: int) -> None:
    given = pair(world, integration, account_id)
    again = World.from_json(json.loads(json.dumps(world.to_json())), clock=world.clock)
    assert account_of(again, given["access_token"]).status == 200
    renewed = refresh(again, integration, given["refresh_token"])
    assert renewed.status == 200
    assert renewed.payload["refresh_token"] not in world.grants
