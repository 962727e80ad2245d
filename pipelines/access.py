"""How an account is reached, whatever kind of token it has, and how long that lasts without anybody's doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pipelines.account_settings import AccountSettings
from pipelines.amocrm.authorization import Authorization
from pipelines.amocrm.conversation import Clocks
from pipelines.amocrm.token import expires_at
from pipelines.amocrm.token_desk import TokenDesk
from pipelines.clock import SYSTEM_CLOCK, Clock
from pipelines.errors import MustAuthorize, SettingsError
from pipelines.pace import gates_of, limits_of
from pipelines.program import as_called_here
from pipelines.secret import Secret
from pipelines.settings import Settings

ENDS_SOON: Final = timedelta(days=14)
"""How long before its end somebody is warned of it."""

_REPLACE_IT: Final = (
    "Make a new long-lived token in the integration's settings in amoCRM, and put it in place of the old one."
)
_RENEW_IT: Final = "Loads renew it, once a day: load the account, or run './run auth refresh'."


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Where an account is, and the token to ask it with, as ``AmoClient`` takes them."""

    base_url: str
    token: Callable[[], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lasting:
    """How long the access to an account lasts if nobody does anything."""

    kind: Literal["long-lived token", "OAuth"]
    ends_at: datetime | None  # None: it does not say, or there is no access
    is_renewed: bool  # loads make it last longer
    advice: str  # what to do before it ends
    failure: MustAuthorize | None = None  # why there is no access


def way_to(account: AccountSettings, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Way:
    """The way to an account. Raises ``SettingsError`` where kept tokens cannot be read."""
    if isinstance(account.token, Secret):
        return Way(base_url=account.base_url, token=account.token.reveal)
    authorization = authorization_of(account, settings, clock)
    return Way(base_url=authorization.base_url, token=authorization)


def authorization_of(account: AccountSettings, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Authorization:
    """The access to an account by OAuth. Raises ``SettingsError`` where it has a long-lived token."""
    if isinstance(account.token, Secret):
        raise SettingsError(
            f"The account '{account.key}' has a long-lived token, which needs no authorization.",
            advice="For OAuth, set AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET and AMOCRM_REDIRECT_URI in place of it.",
        )
    clocks = Clocks(now=clock.now, sleep=clock.sleep)
    limits = limits_of(settings, account.base_url)
    return Authorization(
        account.token,
        settings.token_file(account.key),
        account.base_url,
        desk=TokenDesk(account.token, limits=limits, gates=gates_of(settings), clocks=clocks),
        clocks=clocks,
    )


def lasting(account: AccountSettings, settings: Settings) -> Lasting:
    """How long the access lasts, by what tokens say of themselves and what is kept of them. Nothing is asked."""
    if isinstance(account.token, Secret):
        ends_at = expires_at(account.token.reveal())
        return Lasting(kind="long-lived token", ends_at=ends_at, is_renewed=False, advice=_REPLACE_IT)
    kept = authorization_of(account, settings).kept
    if kept is None or kept.lost:
        failure = MustAuthorize(kept.lost if kept and kept.lost else "Nobody has given access to the account yet.")
        return Lasting(kind="OAuth", ends_at=None, is_renewed=False, advice=failure.advice, failure=failure)
    return Lasting(kind="OAuth", ends_at=kept.pair.refresh_ends_at, is_renewed=True, advice=as_called_here(_RENEW_IT))
