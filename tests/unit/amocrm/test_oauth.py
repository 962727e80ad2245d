"""OAuth: authorization address, redirect, token responses, and allowed hosts."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.amocrm.models import Json
from pipelines.amocrm.oauth import (
    REFRESH_TOKEN_LIFETIME,
    TokenPair,
    api_url,
    code_request,
    consent_url,
    parse_account_host,
    parse_authorization_code,
    parse_token_pair,
    refresh_request,
)
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.errors import MustAuthorize, WrongAccount
from pipelines.base.secret import Secret
from pipelines.config.integration import Integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = "https://example.amocrm.ru"
INTEGRATION = Integration(
    client_id="0a1b-2c3d", client_secret=Secret("canary-secret"), redirect_uri="https://example.com/back"
)


def jwt(**claims: Json) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


def pair(**claims: Json) -> TokenPair:
    return TokenPair(
        access_token=Secret(jwt(**claims)),
        refresh_token=Secret("canary-refresh"),
        received_at=NOW,
        access_expires_at=None,
    )


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (ACCOUNT, "https://www.amocrm.ru/oauth"),
        ("https://example.kommo.com", "https://www.kommo.com/oauth"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/oauth"),
    ],
)
def test_access_is_given_at_the_vendors_page(base_url: str, expected: str) -> None:
    url = urlsplit(consent_url(INTEGRATION, base_url, "s&t"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == expected
    query = parse_qs(url.query)
    assert (query["client_id"], query["state"]) == (["0a1b-2c3d"], ["s&t"])
    assert "canary" not in url.geturl()


@pytest.mark.parametrize(
    "text",
    [
        "def50200c0de",
        "  def50200c0de\n",
        "https://example.com/back?code=def50200c0de&referer=example.amocrm.ru&state=ours",
        "https://example.com/back?state=ours&code=def50200c0de",
    ],
)
def test_a_code_comes_alone_or_in_an_address(text: str) -> None:
    assert parse_authorization_code(text, base_url=ACCOUNT, state="ours") == "def50200c0de"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no authorization code"),
        ("two words", "no authorization code"),
        ("кодкодкодкод", "no authorization code"),
        ("https://example.com/back", "holds no authorization code"),
        ("https://example.com/back?code=&state=ours", "holds no authorization code"),
        ("https://example.com/back?error=access_denied&state=ours", "Access was not granted"),
        ("https://example.com/back?code=def50200c0de&state=theirs", "another login attempt"),
        ("https://example.com/back?code=def50200c0de", "another login attempt"),
    ],
)
def test_what_is_no_answer_to_our_question_is_refused(text: str, says: str) -> None:
    with pytest.raises(MustAuthorize, match=says) as caught:
        parse_authorization_code(text, base_url=ACCOUNT, state="ours")
    assert "def50200" not in str(caught.value)


@pytest.mark.parametrize(
    "referer", ["other.amocrm.ru", "example.kommo.com", "example.amocrm.ru.evil.com", "127.0.0.1:1"]
)
def test_access_to_another_account_is_refused(referer: str) -> None:
    with pytest.raises(WrongAccount, match=r"the settings name example\.amocrm\.ru"):
        parse_authorization_code(f"https://x/?code=def50200c0de&state=s&referer={referer}", base_url=ACCOUNT, state="s")


def test_requests_for_tokens_are_those_of_the_page() -> None:
    for request, expected in (
        (code_request(INTEGRATION, "def50200"), {"grant_type": "authorization_code", "code": "def50200"}),
        (refresh_request(INTEGRATION, pair()), {"grant_type": "refresh_token", "refresh_token": "canary-refresh"}),
    ):
        assert str(request) == "POST /oauth2/access_token"
        assert request.body is not None
        assert json.loads(request.body) == expected | {
            "client_id": "0a1b-2c3d",
            "client_secret": "canary-secret",
            "redirect_uri": "https://example.com/back",
        }
        assert not request.is_read
        assert "canary" not in repr(request)


def test_a_pair_is_what_the_page_shows() -> None:
    document = {"token_type": "Bearer", "expires_in": 86_400, "access_token": "a.b.c", "refresh_token": "def502"}
    found = parse_token_pair(document, NOW)
    assert (found.access_token, found.refresh_token) == (Secret("a.b.c"), Secret("def502"))
    assert found.access_expires_at == NOW + timedelta(days=1)
    assert found.refresh_expires_at == NOW + REFRESH_TOKEN_LIFETIME
    assert "a.b.c" not in repr(found)


@pytest.mark.parametrize("expires_in", [None, "soon", 0, -1, True, 1.5])
def test_a_missing_expiry_is_read_from_the_token(expires_in: Json) -> None:
    document = {"expires_in": expires_in, "access_token": jwt(exp=1_800_000_000), "refresh_token": "def502"}
    assert parse_token_pair(document, NOW).access_expires_at == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert parse_token_pair(document | {"access_token": "opaque"}, NOW).access_expires_at is None


def test_an_absurd_end_breaks_nothing() -> None:
    found = parse_token_pair({"expires_in": 2**62, "access_token": "a", "refresh_token": "b"}, NOW)
    assert found.access_expires_at is not None
    assert found.access_expires_at > NOW


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"access_token": "a"},
        {"access_token": "a", "refresh_token": None},
        {"access_token": "a", "refresh_token": ""},
        {"access_token": 5, "refresh_token": "b"},
        {"access_token": "two words", "refresh_token": "b"},
        {"access_token": "a\r\nX: y", "refresh_token": "b"},
        {"access_token": "a", "refresh_token": "b" * 8_001},
        {"title": "Error", "status": 500},
    ],
)
def test_what_is_no_pair_is_refused(document: Json) -> None:
    with pytest.raises(InvalidRecord):
        parse_token_pair(document, NOW)


@pytest.mark.parametrize(
    ("domain", "base_url", "expected"),
    [
        ("api-b.amocrm.ru", ACCOUNT, "https://api-b.amocrm.ru"),
        ("127.0.0.1:8080", "http://localhost:8080", "http://127.0.0.1:8080"),
        ("127.0.0.1:8080", ACCOUNT, None),
        ("api-b.amocrm.ru", "http://127.0.0.1:8080", None),
        ("evil.com", ACCOUNT, None),
        ("api-b.amocrm.ru.evil.com", ACCOUNT, None),
        ("evil.com/.amocrm.ru", ACCOUNT, None),
        ("a@b.amocrm.ru", ACCOUNT, None),
        ("", ACCOUNT, None),
        (None, ACCOUNT, None),
        (5, ACCOUNT, None),
    ],
)
def test_only_amocrm_hosts_are_asked_for_the_account(domain: Json, base_url: str, expected: str | None) -> None:
    assert api_url(pair(api_domain=domain), base_url) == expected


def test_a_token_that_is_no_jwt_names_no_host() -> None:
    opaque = TokenPair(
        access_token=Secret("opaque"), refresh_token=Secret("r"), received_at=NOW, access_expires_at=None
    )
    assert api_url(opaque, ACCOUNT) is None


def test_the_account_is_where_the_answer_says() -> None:
    document = {"id": 7, "subdomain": "new", "domain": "new.amocrm.ru", "top_level_domain": "ru"}
    assert parse_account_host(document, pair(account_id=7), ACCOUNT) == "https://new.amocrm.ru"
    assert parse_account_host(document, pair(), ACCOUNT) == "https://new.amocrm.ru"
    for wrong in ({"id": 8}, {"id": None}, {"domain": "evil.com"}, {"domain": None}, {"domain": "127.0.0.1:80"}):
        with pytest.raises(InvalidRecord):
            parse_account_host(document | wrong, pair(account_id=7), ACCOUNT)
    with pytest.raises(InvalidRecord):
        parse_account_host([], pair(), ACCOUNT)
