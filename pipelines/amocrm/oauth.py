"""OAuth 2 messages: consent URL, token requests and their responses.

See https://www.amocrm.com/developers/content/oauth/step-by-step; the rules on hosts follow the
vendor's client library.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeGuard
from urllib.parse import parse_qs, urlencode, urlsplit

from pipelines.amocrm.access_token import read_claims, read_expiry
from pipelines.amocrm.messages import Request
from pipelines.amocrm.models import Json
from pipelines.amocrm.validation import InvalidRecord, parse_id
from pipelines.base.checks import is_visible_ascii
from pipelines.base.errors import MustAuthorize, SettingsError, WrongAccount
from pipelines.base.secret import Secret
from pipelines.config.host import parse_host
from pipelines.config.integration import Integration

REFRESH_TOKEN_LIFETIME: Final = timedelta(days=90)
"""Lifetime of an unused refresh token: three months by the vendor's page; responses do not state it."""

MAX_TOKEN_LENGTH: Final = 8_000
CODE_LENGTHS: Final = range(8, 4_001)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPair:
    """Access token, and the refresh token that gets the next pair and works once."""

    access_token: Secret
    refresh_token: Secret
    received_at: datetime
    access_expires_at: datetime | None  # None: unknown

    @property
    def refresh_expires_at(self) -> datetime:
        """Expiry of the refresh token if it is not used."""
        return self.received_at + REFRESH_TOKEN_LIFETIME


def consent_url(integration: Integration, base_url: str, state: str) -> str:
    """Return the page where a user grants access; ``state`` comes back with the code.

    The emulator, on loopback, has a page of its own.
    """
    query = {"client_id": integration.client_id, "state": state}
    url = urlsplit(base_url)
    if url.scheme == "http":
        return f"{base_url}/oauth?{urlencode(query)}"
    _, _, domain = url.netloc.partition(".")
    return f"https://www.{domain}/oauth?{urlencode(query | {'mode': 'popup'})}"


def parse_authorization_code(text: str, *, base_url: str, state: str) -> str:
    """Extract the code from the user's input: the code alone, or the URL that the browser was sent to.

    Raises ``MustAuthorize`` if there is no code or its ``state`` is another one, and
    ``WrongAccount`` if it is for another account.
    """
    text = text.strip()
    if "://" not in text:
        if not _is_code(text):
            raise MustAuthorize("That is no authorization code.")
        return text
    query = {name: values[-1] for name, values in parse_qs(urlsplit(text).query).items()}
    if "error" in query:
        raise MustAuthorize("Access was not granted.")
    if not _is_code(query.get("code", "")):
        raise MustAuthorize("That address holds no authorization code.")
    if query.get("state") != state:
        raise MustAuthorize("That address belongs to another login attempt.")
    if "referer" in query:
        _require_account_host(query["referer"], base_url)
    return query["code"]


def code_request(integration: Integration, code: str) -> Request:
    """Build the request for the first pair."""
    return _token_request(integration, {"grant_type": "authorization_code", "code": code})


def refresh_request(integration: Integration, pair: TokenPair) -> Request:
    """Build the request for the next pair."""
    return _token_request(integration, {"grant_type": "refresh_token", "refresh_token": pair.refresh_token.reveal()})


def account_host_request() -> Request:
    """Build the request for an account's current host. It does not use up the refresh token."""
    return Request(resource="account", path="/oauth2/account/current/subdomain")


def refresh_header(token: str) -> tuple[str, str]:
    """Return the header that carries a refresh token."""
    return "X-Refresh-Token", token


def parse_token_pair(document: Json, received_at: datetime) -> TokenPair:
    """Parse a pair of tokens. Raises ``InvalidRecord``."""
    parsed = document if isinstance(document, dict) else {}
    access, refresh = parsed.get("access_token"), parsed.get("refresh_token")
    if not _is_token(access) or not _is_token(refresh):
        raise InvalidRecord("it holds no pair of tokens")
    seconds = parse_id(parsed.get("expires_in"))
    return TokenPair(
        access_token=Secret(access),
        refresh_token=Secret(refresh),
        received_at=received_at,
        access_expires_at=received_at + timedelta(seconds=min(seconds, 10**9)) if seconds else read_expiry(access),
    )


def api_url(pair: TokenPair, base_url: str) -> str | None:
    """Return the host that serves the account under any subdomain, as the access token names it, or None."""
    return _trusted_base_url(read_claims(pair.access_token.reveal()).get("api_domain"), base_url)


def parse_account_host(document: Json, pair: TokenPair, base_url: str) -> str:
    """Parse the account's current base URL.

    Raises ``InvalidRecord`` if that host may not receive tokens.
    """
    parsed = document if isinstance(document, dict) else {}
    expected = parse_id(read_claims(pair.access_token.reveal()).get("account_id"))
    if expected is not None and parse_id(parsed.get("id")) != expected:
        raise InvalidRecord("it is about another account")
    moved_to = _trusted_base_url(parsed.get("domain"), base_url)
    if moved_to is None:
        raise InvalidRecord("the account's new host is none of amoCRM's")
    return moved_to


def _is_token(value: Json) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_TOKEN_LENGTH and is_visible_ascii(value)


def _is_code(text: str) -> bool:
    return len(text) in CODE_LENGTHS and is_visible_ascii(text)


def _trusted_base_url(host: Json, base_url: str) -> str | None:
    """Return the base URL of ``host`` if it may receive the account's tokens, otherwise None."""
    try:
        parsed = parse_host(host) if isinstance(host, str) else ""
    except SettingsError:
        return None
    # Tokens never move between amoCRM and a local emulator.
    return parsed if urlsplit(parsed).scheme == urlsplit(base_url).scheme else None


def _require_account_host(host: str, base_url: str) -> None:
    """Raise ``WrongAccount`` if access was granted to another host than the configured one."""
    if _trusted_base_url(host, base_url) != base_url:
        raise WrongAccount(
            f"Access was granted to {host[:100]!r}, but the settings name {base_url.partition('://')[2]}.",
            advice="Grant access to the account in the settings, or correct its host there.",
        )


def _token_request(integration: Integration, grant: dict[str, str]) -> Request:
    """Build a request to the token endpoint with the integration's credentials."""
    credentials = {
        "client_id": integration.client_id,
        "client_secret": integration.client_secret.reveal(),
        "redirect_uri": integration.redirect_uri,
    }
    return Request(
        resource="account",  # the token endpoint is no resource of the API; nothing is stored under this name
        path="/oauth2/access_token",
        method="POST",
        body=json.dumps(credentials | grant).encode("ascii"),
    )
