"""How an account is reached, whatever kind of token it has, and how long that lasts without anybody's doing."""

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
from pipelines.base.program import with_program_name
from pipelines.base.secret import Secret
from pipelines.config.accounts import AccountSettings
from pipelines.config.settings import Settings
from pipelines.load.rate_limits import limits_for, rate_limiters_for

EXPIRY_WARNING_PERIOD: Final = timedelta(days=14)
"""How long before its end somebody is warned of it."""

_REPLACE_TOKEN_ADVICE: Final = (
    "Make a new long-lived token in the integration's settings in amoCRM, and put it in place of the old one."
)
_RENEW_TOKEN_ADVICE: Final = "Loads renew it, once a day: load the account, or run './run auth refresh'."


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where an account is, and the token to ask it with, as ``AmoClient`` takes them."""

    base_url: str
    token: Callable[[], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenExpiry:
    """How long the access to an account lasts if nobody does anything."""

    kind: Literal["long-lived token", "OAuth"]
    expires_at: datetime | None  # None: it does not say, or there is no access
    renews_automatically: bool  # loads make it last longer
    advice: str  # what to do before it ends
    failure: MustAuthorize | None = None  # why there is no access


def endpoint_for(account: AccountSettings, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Endpoint:
    """The way to an account. Raises ``SettingsError`` where kept tokens cannot be read."""
    if isinstance(account.token, Secret):
        return Endpoint(base_url=account.base_url, token=account.token.reveal)
    authorization = oauth_authorization(account, settings, clock)
    return Endpoint(base_url=authorization.base_url, token=authorization)


def oauth_authorization(account: AccountSettings, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Authorization:
    """The access to an account by OAuth. Raises ``SettingsError`` where it has a long-lived token."""
    if isinstance(account.token, Secret):
        raise SettingsError(
            f"The account '{account.key}' has a long-lived token, which needs no authorization.",
            advice="For OAuth, set AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET and AMOCRM_REDIRECT_URI in place of it.",
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
    """How long the access lasts, by what tokens say of themselves and what is kept of them. Nothing is asked."""
    if isinstance(account.token, Secret):
        expires_at = read_expiry(account.token.reveal())
        return TokenExpiry(
            kind="long-lived token", expires_at=expires_at, renews_automatically=False, advice=_REPLACE_TOKEN_ADVICE
        )
    stored_tokens = oauth_authorization(account, settings).stored_tokens
    if stored_tokens is None or stored_tokens.lost_reason:
        failure = MustAuthorize(
            stored_tokens.lost_reason
            if stored_tokens and stored_tokens.lost_reason
            else "Nobody has given access to the account yet."
        )
        return TokenExpiry(
            kind="OAuth", expires_at=None, renews_automatically=False, advice=failure.advice, failure=failure
        )
    return TokenExpiry(
        kind="OAuth",
        expires_at=stored_tokens.pair.refresh_expires_at,
        renews_automatically=True,
        advice=with_program_name(_RENEW_TOKEN_ADVICE),
    )
