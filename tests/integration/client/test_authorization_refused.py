"""OAuth refused by amoCRM: which refusals keep the tokens."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emulator import effects
from emulator.messages import Response, problem
from faults.oauth_account import OAuthAccount, Outage
from pipelines.amocrm.oauth import REFRESH_TOKEN_LIFETIME
from pipelines.amocrm.token_store import RESERVED_BYTES
from pipelines.base.errors import (
    ApiError,
    Blocked,
    MustAuthorize,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from pipelines.base.secret import Secret

OUT_OF_ORDER = Response(status=503, content_type="text/html", body=b"<html>503</html>")


# Nothing was lost


def test_a_server_that_does_nothing_for_a_while_costs_nothing(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.answers_with(Outage(response=OUT_OF_ORDER, times=2))
    oauth_account.authorization().refresh()
    assert (oauth_account.renewals, oauth_account.stored_tokens.lost_reason, oauth_account.is_open) == (4, None, False)
    assert len(oauth_account.slept) == 2


def test_a_server_that_does_nothing_for_long_costs_nothing_either(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.answers_with(Outage(response=OUT_OF_ORDER))
    with pytest.raises(Unavailable, match=r"could not be renewed in 3 attempts.*503"):
        oauth_account.authorization().refresh()
    assert (oauth_account.stored_tokens.lost_reason, oauth_account.is_open) == (None, True)
    oauth_account.answers_with(None)
    oauth_account.authorization().refresh()
    assert (oauth_account.stored_tokens.lost_reason, oauth_account.is_open) == (None, False)
    with oauth_account.client(oauth_account.authorization()) as client:
        client.fetch_account()


@pytest.mark.parametrize(
    ("limit", "kind"),
    [
        (Outage(response=problem(429, "Too Many Requests", retry_after=5)), RateLimited),
        (Outage(response=problem(429, "Too Many Requests", retry_after=100_000)), RateLimited),
        (Outage(response=Response(status=403, content_type="text/html", body=b"<html>blocked</html>")), Blocked),
        (Outage(response=problem(402, "Payment Required")), ApiError),
        (Outage(response=Response(status=401, content_type="text/html", body=b"<html>a proxy</html>")), Unavailable),
        (Outage(response=Response(status=400, content_type="text/html", body=b"<html>a proxy</html>")), Unavailable),
        (Outage(response=problem(404, "Not Found")), NotFound),
        (Outage(response=Response(status=302, headers={"Location": "https://example.com/"})), NotFound),
    ],
)
def test_what_certainly_did_not_happen_is_forgotten(
    oauth_account: OAuthAccount, limit: Outage, kind: type[ApiError]
) -> None:
    oauth_account.authorized()
    before = oauth_account.stored_tokens
    oauth_account.answers_with(limit)
    with pytest.raises(kind) as caught:
        oauth_account.authorization().refresh()
    assert not isinstance(caught.value, MustAuthorize)
    assert (oauth_account.stored_tokens, oauth_account.is_open) == (before, False)
    oauth_account.answers_with(None)
    oauth_account.rate_limiters = type(oauth_account.rate_limiters)()
    oauth_account.authorization().refresh()


def test_a_blocked_host_gets_no_token_requests(oauth_account: OAuthAccount) -> None:
    authorization = oauth_account.authorized()
    oauth_account.emulator.faults.add(effects.blocked(), resource="account")
    with oauth_account.client(authorization) as client, pytest.raises(Blocked):
        client.fetch_account()
    count = len(oauth_account.emulator.requests)
    with pytest.raises(Blocked):
        authorization.refresh()
    assert len(oauth_account.emulator.requests) == count


def test_too_fast_is_waited_for(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.answers_with(Outage(response=problem(429, "Too Many Requests", retry_after=5), times=1))
    oauth_account.authorization().refresh()
    assert 5 in oauth_account.slept


def test_a_host_that_is_down_costs_nothing(oauth_account: OAuthAccount) -> None:
    authorization = oauth_account.authorized()
    before = oauth_account.stored_tokens
    oauth_account.emulator.stop()
    with pytest.raises(Unavailable, match=r"refuses connections"):
        authorization.refresh()
    assert oauth_account.file.exists()
    assert not oauth_account.is_open
    assert before.lost_reason is None


@pytest.mark.parametrize(
    "wrong", [{"client_secret": Secret("canary-wrong")}, {"redirect_uri": "http://127.0.0.1:9/other"}]
)
def test_wrong_settings_keep_the_tokens(oauth_account: OAuthAccount, wrong: dict[str, Secret | str]) -> None:
    oauth_account.authorized()
    before = oauth_account.stored_tokens
    with pytest.raises(Unauthorized, match=r"AMOCRM_CLIENT_SECRET") as caught:
        oauth_account.authorization(**wrong).refresh()  # type: ignore[arg-type]
    assert not isinstance(caught.value, MustAuthorize)
    assert "canary" not in str(caught.value)
    assert (oauth_account.stored_tokens, oauth_account.is_open) == (before, False)
    oauth_account.authorization().refresh()


# Good for nothing any more


def test_tokens_unused_for_three_months_expire(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    oauth_account.emulator.clock.advance(REFRESH_TOKEN_LIFETIME)
    for _ in range(2):
        with pytest.raises(MustAuthorize, match=r"no longer work.*Token has expired"):
            oauth_account.authorization()()
    assert oauth_account.renewals == 2


def test_of_two_copies_of_a_file_one_is_locked_out(oauth_account: OAuthAccount, tmp_path: Path) -> None:
    oauth_account.authorized()
    copy = replace(oauth_account, file=tmp_path / "copy" / "main.json")
    shutil.copytree(oauth_account.file.parent, copy.file.parent)
    oauth_account.authorization().refresh()
    with pytest.raises(MustAuthorize, match=r"Token has been revoked"):
        copy.authorization().refresh()
    oauth_account.authorization().refresh()


@pytest.mark.parametrize(
    "text", ["", " " * RESERVED_BYTES, "[]", '{"client_id": 1}', '{"access_token": "a"', "\x00", "\udcff"]
)
def test_a_file_that_holds_no_tokens(oauth_account: OAuthAccount, text: str) -> None:
    oauth_account.authorized()
    oauth_account.file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(MustAuthorize):
        oauth_account.authorization()()
    oauth_account.authorized()


def test_tokens_of_another_integration_or_account_are_not_used(oauth_account: OAuthAccount) -> None:
    oauth_account.authorized()
    for other in (oauth_account.authorization(client_id="other"), oauth_account.authorization("http://127.0.0.1:1")):
        assert other.stored_tokens is None
        with pytest.raises(MustAuthorize, match=r"to another integration or account"):
            other()
    assert oauth_account.renewals == 1
