"""A request that is let in, and the answers that reads and writes have in common."""

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
    """A request that is let in: whose account it is about, by which token."""

    world: World
    account: Account
    token: Token
    request: Request
    route: Route

    @property
    def is_admin(self) -> bool:
        """Whether the token's user may write."""
        return self.token.user_id == self.account.admin_id

    @property
    def is_mode_on(self) -> bool:
        """Whether the account's mode has things of this kind."""
        if self.route.resource == "account":
            return True
        is_about_stages = self.route.resource in ("stages", "stage")
        is_shown = self.world.shows_stages if is_about_stages else self.world.shows_segments
        return is_shown(self.account.id)


def read_bearer_token(world: World, request: Request) -> Token | None:
    """The token that the request bears, or None where there is none that is good now."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    token = tokens.read(value.strip(), world.secret) if scheme.lower() == "bearer" else None
    if token is None or token.account_id not in world.accounts or world.now() >= token.expires_at:
        return None
    return token


def with_self_link(call: Call, list_name: str, row: dict[str, Json]) -> dict[str, Json]:
    """An item with the link to itself."""
    return row | {"_links": {"self": {"href": f"{call.request.base_url}{PATHS[list_name]}/{row['id']}"}}}


def not_found(call: Call) -> Response:
    """What an id gets that the account does not have."""
    if call.world.quirks.is_missing_thing_204 and call.request.method == "GET":
        return no_content()
    return problem(404, f"{call.route.resource.capitalize()} not found")
