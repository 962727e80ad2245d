"""Authorized API calls, and responses that reads and writes share."""

from __future__ import annotations

from dataclasses import dataclass

from emulator import tokens
from emulator.entities import Account, Json
from emulator.messages import Request, Response, no_content, problem
from emulator.routes import PATHS, Route
from emulator.tokens import Token
from emulator.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Authorized request with its account and token."""

    world: World
    account: Account
    token: Token
    request: Request
    route: Route

    @property
    def is_admin(self) -> bool:
        """True if the token's user may write."""
        return self.token.user_id == self.account.admin_id

    @property
    def is_mode_on(self) -> bool:
        """True if the account's mode has entities of this kind."""
        if self.route.resource in ("account", "events"):
            return True
        if self.route.resource in ("customers", "customer"):
            return self.world.shows_customers(self.account.id)
        is_about_stages = self.route.resource in ("stages", "stage")
        is_shown = self.world.shows_stages if is_about_stages else self.world.shows_segments
        return is_shown(self.account.id)


def read_bearer_token(world: World, request: Request) -> Token | None:
    """Return the request's bearer token; None if it is missing, invalid or expired."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    token = tokens.read(value.strip(), world.secret) if scheme.lower() == "bearer" else None
    if token is None or token.account_id not in world.accounts or world.now() >= token.expires_at:
        return None
    return token


def with_self_link(call: Call, list_name: str, row: dict[str, Json]) -> dict[str, Json]:
    """Add an item's link to itself."""
    return row | {"_links": {"self": {"href": f"{call.request.base_url}{PATHS[list_name]}/{row['id']}"}}}


def not_found(call: Call) -> Response:
    """Return the response for an unknown id."""
    if call.world.quirks.is_missing_thing_204 and call.request.method == "GET":
        return no_content()
    return problem(404, f"{call.route.resource.capitalize()} not found")
