"""Access by OAuth when amoCRM refuses: what costs nothing, and what is good for nothing any more."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emulator import effects
from emulator.messages import Answer, problem
from faults.oauth_account import OAuthAccount, Outage
from pipelines.amocrm.oauth import REFRESH_LIFE
from pipelines.amocrm.token_file import ROOM_BYTES
from pipelines.errors import (
    ApiError,
    Blocked,
    MustAuthorize,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from pipelines.secret import Secret

OUT_OF_ORDER = Answer(status=503, content_type="text/html", body=b"<html>503</html>")


# Nothing was lost


def test_a_server_that_does_nothing_for_a_while_costs_nothing(place: OAuthAccount) -> None:
    place.authorized()
    place.answers_with(Outage(answer=OUT_OF_ORDER, times=2))
    place.authorization().refresh()
    assert (place.renewals, place.kept.lost, place.is_open) == (4, None, False)
    assert len(place.slept) == 2


def test_a_server_that_does_nothing_for_long_costs_nothing_either(place: OAuthAccount) -> None:
    place.authorized()
    place.answers_with(Outage(answer=OUT_OF_ORDER))
    with pytest.raises(Unavailable, match=r"could not be renewed in 3 tries.*503"):
        place.authorization().refresh()
    assert (place.kept.lost, place.is_open) == (None, True)
    place.answers_with(None)
    place.authorization().refresh()
    assert (place.kept.lost, place.is_open) == (None, False)
    with place.client(place.authorization()) as client:
        client.account()


@pytest.mark.parametrize(
    ("limit", "kind"),
    [
        (Outage(answer=problem(429, "Too Many Requests", retry_after=5)), RateLimited),
        (Outage(answer=problem(429, "Too Many Requests", retry_after=100_000)), RateLimited),
        (Outage(answer=Answer(status=403, content_type="text/html", body=b"<html>blocked</html>")), Blocked),
        (Outage(answer=problem(402, "Payment Required")), ApiError),
        (Outage(answer=Answer(status=401, content_type="text/html", body=b"<html>a proxy</html>")), Unavailable),
        (Outage(answer=Answer(status=400, content_type="text/html", body=b"<html>a proxy</html>")), Unavailable),
        (Outage(answer=problem(404, "Not Found")), NotFound),
        (Outage(answer=Answer(status=302, headers={"Location": "https://example.com/"})), NotFound),
    ],
)
def test_what_certainly_did_not_happen_is_forgotten(place: OAuthAccount, limit: Outage, kind: type[ApiError]) -> None:
    place.authorized()
    before = place.kept
    place.answers_with(limit)
    with pytest.raises(kind) as caught:
        place.authorization().refresh()
    assert not isinstance(caught.value, MustAuthorize)
    assert (place.kept, place.is_open) == (before, False)
    place.answers_with(None)
    place.gates = type(place.gates)()
    place.authorization().refresh()


def test_a_blocked_host_is_not_asked_for_tokens_either(place: OAuthAccount) -> None:
    authorization = place.authorized()
    place.emulator.faults.add(effects.blocked(), resource="account")
    with place.client(authorization) as client, pytest.raises(Blocked):
        client.account()
    count = len(place.emulator.requests)
    with pytest.raises(Blocked):
        authorization.refresh()
    assert len(place.emulator.requests) == count


def test_too_fast_is_waited_for(place: OAuthAccount) -> None:
    place.authorized()
    place.answers_with(Outage(answer=problem(429, "Too Many Requests", retry_after=5), times=1))
    place.authorization().refresh()
    assert 5 in place.slept


def test_a_host_that_is_down_costs_nothing(place: OAuthAccount) -> None:
    authorization = place.authorized()
    before = place.kept
    place.emulator.stop()
    with pytest.raises(Unavailable, match=r"refuses connections"):
        authorization.refresh()
    assert place.file.exists()
    assert not place.is_open
    assert before.lost is None


@pytest.mark.parametrize(
    "wrong", [{"client_secret": Secret("canary-wrong")}, {"redirect_uri": "http://127.0.0.1:9/other"}]
)
def test_a_mistake_in_the_settings_costs_nothing(place: OAuthAccount, wrong: dict[str, Secret | str]) -> None:
    place.authorized()
    before = place.kept
    with pytest.raises(Unauthorized, match=r"AMOCRM_CLIENT_SECRET") as caught:
        place.authorization(**wrong).refresh()  # type: ignore[arg-type]
    assert not isinstance(caught.value, MustAuthorize)
    assert "canary" not in str(caught.value)
    assert (place.kept, place.is_open) == (before, False)
    place.authorization().refresh()


# Good for nothing any more


def test_tokens_that_nobody_used_for_three_months(place: OAuthAccount) -> None:
    place.authorized()
    place.emulator.clock.advance(REFRESH_LIFE)
    for _ in range(2):
        with pytest.raises(MustAuthorize, match=r"good for nothing any more.*Token has expired"):
            place.authorization()()
    assert place.renewals == 2


def test_of_two_copies_of_a_file_one_is_locked_out(place: OAuthAccount, tmp_path: Path) -> None:
    place.authorized()
    copy = replace(place, file=tmp_path / "copy" / "main.json")
    shutil.copytree(place.file.parent, copy.file.parent)
    place.authorization().refresh()
    with pytest.raises(MustAuthorize, match=r"Token has been revoked"):
        copy.authorization().refresh()
    place.authorization().refresh()


@pytest.mark.parametrize(
    "text", ["", " " * ROOM_BYTES, "[]", '{"client_id": 1}', '{"access_token": "a"', "\x00", "\udcff"]
)
def test_a_file_that_holds_no_tokens(place: OAuthAccount, text: str) -> None:
    place.authorized()
    place.file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(MustAuthorize):
        place.authorization()()
    place.authorized()


def test_tokens_of_another_integration_or_account_are_not_used(place: OAuthAccount) -> None:
    place.authorized()
    for other in (place.authorization(client_id="other"), place.authorization("http://127.0.0.1:1")):
        assert other.kept is None
        with pytest.raises(MustAuthorize, match=r"of another integration or account"):
            other()
    assert place.renewals == 1
