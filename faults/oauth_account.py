"""Emulated account with OAuth access, its token file and its token requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from emulator import Emulator, RateLimit, World, oauth
from emulator.entities import Grant
from emulator.messages import Response
from pipelines.amocrm.authorization import Authorization
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.rate_limiter import RateLimiters
from pipelines.amocrm.token_endpoint import TokenEndpoint
from pipelines.amocrm.token_store import StoredTokens
from pipelines.base.clock import Clock
from pipelines.base.secret import Secret
from pipelines.config.integration import Integration

REDIRECT = "http://127.0.0.1:9/"
QUICK = Limits(requests_per_second=1_000, connect_seconds=2, read_seconds=2, response_seconds=4)


@dataclass(kw_only=True)
class OAuthAccount:
    """An account, its integration, and its token file."""

    emulator: Emulator
    account_id: int
    integration: Integration
    file: Path
    slept: list[float] = field(default_factory=list)
    rate_limiters: RateLimiters = field(default_factory=RateLimiters)

    @property
    def clock(self) -> Clock:
        """The emulator's time; waits are recorded instead of slept."""
        return Clock(now=self.emulator.clock.now, sleep=self.slept.append, random=lambda: 1.0)

    def authorization(self, base_url: str | None = None, **changes: Secret | str) -> Authorization:
        """Authorization of one worker, with changed settings if given."""
        integration = replace(self.integration, **changes)  # type: ignore[arg-type]
        token_endpoint = TokenEndpoint(integration, limits=QUICK, rate_limiters=self.rate_limiters, clock=self.clock)
        return Authorization(
            integration, self.file, base_url or self.emulator.url, token_endpoint=token_endpoint, clock=self.clock
        )

    def client(self, authorization: Authorization) -> AmoClient:
        """Make a client with this authorization."""
        return AmoClient(
            authorization.base_url, authorization, limits=QUICK, rate_limiters=self.rate_limiters, clock=self.clock
        )

    def code(self) -> str:
        """Get an authorization code, as an administrator does."""
        return oauth.authorize(self.emulator.world, self.integration.client_id, self.account_id)

    def authorized(self) -> Authorization:
        """Authorize, and return the authorization."""
        authorization = self.authorization()
        authorization.authorize(self.code())
        return authorization

    def let_access_end(self) -> None:
        """Let the access token expire."""
        self.emulator.clock.advance(timedelta(hours=24))

    @property
    def stored_tokens(self) -> StoredTokens:
        """Tokens in the file."""
        stored_tokens = self.authorization().stored_tokens
        assert stored_tokens is not None
        return stored_tokens

    @property
    def is_open(self) -> bool:
        """True if a renewal was begun and not finished."""
        return self.file.with_suffix(".renewing").exists()

    def grant(self, stored_tokens: StoredTokens) -> Grant:
        """AmoCRM's record of a refresh token."""
        return self.emulator.world.grants[stored_tokens.pair.refresh_token.reveal()]

    @property
    def sent_for_tokens(self) -> list[Mapping[str, str]]:
        """Bodies of token requests, in order."""
        return [json.loads(one.body) for one in self.emulator.requests if one.path == "/oauth2/access_token"]

    @property
    def renewals(self) -> int:
        """Number of token requests."""
        return len(self.sent_for_tokens)

    def answers_with(self, limit: RateLimit | Outage | None) -> None:
        """Refuse requests with this limit before they are handled; None refuses none."""
        self.emulator.limit = limit  # type: ignore[assignment]


def new_oauth_account(emulator: Emulator, folder: Path) -> OAuthAccount:
    """Make an account without OAuth access yet."""
    world = emulator.world
    account_id = world.add_account("Corner Coffee")
    world.add_segment(account_id, "Regulars", size=7)
    return OAuthAccount(
        emulator=emulator, account_id=account_id, integration=new_integration(world), file=folder / "tokens/main.json"
    )


def new_integration(world: World) -> Integration:
    """Register an integration with the emulated amoCRM."""
    added = oauth.add_integration(world, REDIRECT)
    return Integration(
        client_id=added.client_id, client_secret=Secret(added.client_secret), redirect_uri=added.redirect_uri
    )


@dataclass(kw_only=True)
class Outage:
    """Replacement of the emulator's limit that refuses a number of requests."""

    response: Response
    times: int | None = None

    def refusal(self) -> Response | None:
        """Response during the outage, or None after it."""
        if self.times is not None:
            if self.times == 0:
                return None
            self.times -= 1
        return self.response
