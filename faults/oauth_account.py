"""An emulated account that is reached by OAuth, with a clock of its own, and what its token file and its log show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from emulator import Emulator, RateLimit, oauth
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
    """One account, the integration that asks it, and the file where its tokens lie."""

    emulator: Emulator
    account_id: int
    integration: Integration
    file: Path
    slept: list[float] = field(default_factory=list)
    rate_limiters: RateLimiters = field(default_factory=RateLimiters)

    @property
    def clock(self) -> Clock:
        """The emulator's time; nobody sleeps, and what they would have slept is written down."""
        return Clock(now=self.emulator.clock.now, sleep=self.slept.append, random=lambda: 1.0)

    def authorization(self, base_url: str | None = None, **changes: Secret | str) -> Authorization:
        """A worker's own access, with other settings if wanted."""
        integration = replace(self.integration, **changes)  # type: ignore[arg-type]
        token_endpoint = TokenEndpoint(integration, limits=QUICK, rate_limiters=self.rate_limiters, clock=self.clock)
        return Authorization(
            integration, self.file, base_url or self.emulator.url, token_endpoint=token_endpoint, clock=self.clock
        )

    def client(self, authorization: Authorization) -> AmoClient:
        """A client with that access."""
        return AmoClient(
            authorization.base_url, authorization, limits=QUICK, rate_limiters=self.rate_limiters, clock=self.clock
        )

    def code(self) -> str:
        """A code, as an administrator gives it."""
        return oauth.authorize(self.emulator.world, self.integration.client_id, self.account_id)

    def authorized(self) -> Authorization:
        """Access that was just given."""
        authorization = self.authorization()
        authorization.authorize(self.code())
        return authorization

    def let_access_end(self) -> None:
        """A day later."""
        self.emulator.clock.advance(timedelta(hours=24))

    @property
    def stored_tokens(self) -> StoredTokens:
        """What lies in the file."""
        stored_tokens = self.authorization().stored_tokens
        assert stored_tokens is not None
        return stored_tokens

    @property
    def is_open(self) -> bool:
        """Whether the file says that a renewal was begun."""
        return self.file.with_suffix(".renewing").exists()

    def grant(self, stored_tokens: StoredTokens) -> Grant:
        """What amoCRM knows of the refresh token that was kept."""
        return self.emulator.world.grants[stored_tokens.pair.refresh_token.reveal()]

    @property
    def sent_for_tokens(self) -> list[Mapping[str, str]]:
        """What was sent for tokens, in order."""
        return [json.loads(one.body) for one in self.emulator.requests if one.path == "/oauth2/access_token"]

    @property
    def renewals(self) -> int:
        """How often tokens were asked for."""
        return len(self.sent_for_tokens)

    def answers_with(self, limit: RateLimit | Outage | None) -> None:
        """Refuse requests so before anything is done about them; None refuses none."""
        self.emulator.limit = limit  # type: ignore[assignment]


def new_oauth_account(emulator: Emulator, folder: Path) -> OAuthAccount:
    """An account that nobody has given access to yet."""
    world = emulator.world
    account_id = world.add_account("Corner Coffee")
    world.add_segment(account_id, "Regulars", size=7)
    added = oauth.add_integration(world, REDIRECT)
    integration = Integration(
        client_id=added.client_id, client_secret=Secret(added.client_secret), redirect_uri=added.redirect_uri
    )
    return OAuthAccount(
        emulator=emulator, account_id=account_id, integration=integration, file=folder / "tokens" / "main.json"
    )


@dataclass(kw_only=True)
class Outage:
    """In the place of the emulator's limit: refuses requests before anything is done about them, as often as told."""

    response: Response
    times: int | None = None

    def refusal(self) -> Response | None:
        """The answer of an outage, or None when it is over."""
        if self.times is not None:
            if self.times == 0:
                return None
            self.times -= 1
        return self.response
