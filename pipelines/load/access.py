"""Endpoint and token of an account, for long-lived tokens and OAuth alike, and when the token expires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pipelines.amocrm.access_token import read_expiry
from pipelines.amocrm.authorization import Authorization
from pipelines.amocrm.token_endpoint import TokenEndpoint
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import MustAuthorize, SettingsError
from pipelines.base.language import lazy_gettext, map_text
from pipelines.base.program import with_program_name
from pipelines.base.secret import Secret
from pipelines.config.accounts import AccountSettings
from pipelines.config.settings import Settings
from pipelines.load.rate_limits import limits_for, rate_limiters_for

EXPIRY_WARNING_PERIOD: Final = timedelta(days=14)
"""Time before a token's expiry from which a warning is shown."""

_REPLACEMENT_ADVICE: Final = lazy_gettext(
    "Create a new long-lived token in the integration's settings in amoCRM, and replace the old one."
)
_RENEWAL_ADVICE: Final = lazy_gettext("Loads renew it, once a day: load the account, or run './run auth refresh'.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """An account's URL and access token, as ``AmoClient`` takes them."""

    base_url: str
    token: Callable[[], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenExpiry:
    """Expiry of the access to an account, unless it is renewed."""

    kind: Literal["long-lived token", "OAuth"]
    expires_at: datetime | None  # None: the token does not state it, or there is no access
    renews_automatically: bool  # every load extends it
    advice: str  # what to do before it expires
    failure: MustAuthorize | None = None  # the reason if there is no access


def endpoint_for(account: AccountSettings, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Endpoint:
    """Return the account's endpoint.

    Raises ``SettingsError`` if the stored tokens cannot be read.
    """
    if isinstance(account.token, Secret):
        return Endpoint(base_url=account.base_url, token=account.token.reveal)
    authorization = oauth_authorization(account, settings, clock)
    return Endpoint(base_url=authorization.base_url, token=authorization)


def oauth_authorization(account: AccountSettings, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Authorization:
    """Return the account's OAuth authorization.

    Raises ``SettingsError`` if it has a long-lived token.
    """
    if isinstance(account.token, Secret):
        raise SettingsError(
            f"The account '{account.key}' has a long-lived token, which needs no authorization.",
            advice="For OAuth, set AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET and AMOCRM_REDIRECT_URI instead.",
        )
    limits = limits_for(settings, account.base_url)
    return Authorization(
        account.token,
        settings.token_file(account.key),
        account.base_url,
        token_endpoint=TokenEndpoint(
            account.token, limits=limits, rate_limiters=rate_limiters_for(settings), clock=clock
        ),
        clock=clock,
    )


def token_expiry(account: AccountSettings, settings: Settings) -> TokenExpiry:
    """Read the expiry from the tokens themselves, without a request."""
    if isinstance(account.token, Secret):
        expires_at = read_expiry(account.token.reveal())
        return TokenExpiry(
            kind="long-lived token", expires_at=expires_at, renews_automatically=False, advice=_REPLACEMENT_ADVICE
        )
    stored_tokens = oauth_authorization(account, settings).stored_tokens
    if stored_tokens is None or stored_tokens.lost_reason:
        failure = MustAuthorize(
            stored_tokens.lost_reason
            if stored_tokens and stored_tokens.lost_reason
            else "Access to the account has not been granted yet."
        )
        return TokenExpiry(
            kind="OAuth", expires_at=None, renews_automatically=False, advice=failure.advice, failure=failure
        )
    return TokenExpiry(
        kind="OAuth",
        expires_at=stored_tokens.pair.refresh_expires_at,
        renews_automatically=True,
        advice=map_text(_RENEWAL_ADVICE, with_program_name),
    )
