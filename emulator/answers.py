"""What amoCRM answers to a request: a pure function of the world and the request, without faults and without sockets.

Each method follows its section of the vendor's page "Customers Stages and Segments"; the account and the fields, which
that page leaves out, follow the pages "Account" and "Custom fields" of the same documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from emulator import tokens
from emulator.messages import Answer, Request, nothing, problem, success
from emulator.routes import ONE_OF, PATHS, Route, route
from emulator.things import Account, Json
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


def answer(world: World, request: Request) -> Answer:
    """The answer to any request whatever."""
    found = route(request.path)
    if found is None:
        return problem(404, "Cannot find the page you asked for")
    token = bearer(world, request)
    if token is None:
        return problem(401, "Invalid or expired access token", hint="Token has expired or is not valid")
    call = Call(world=world, account=world.account(token.account_id), token=token, request=request, route=found)
    if request.method != "GET":
        return not_allowed("GET")
    return _read(call)


def bearer(world: World, request: Request) -> Token | None:
    """The token that the request bears, or None where there is none that is good now."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = tokens.read(text.strip(), world.secret) if scheme.lower() == "bearer" else None
    if token is None or token.account_id not in world.accounts or world.now() >= token.expires_at:
        return None
    return token


def not_allowed(*methods: str) -> Answer:
    """405 for a method that a path does not have."""
    refused = problem(405, "Method Not Allowed")
    return Answer(
        status=405, content_type=refused.content_type, payload=refused.payload, headers={"Allow": ", ".join(methods)}
    )


def _read(call: Call) -> Answer:
    if call.route.resource == "account":
        return _account(call)
    if refusal := mode_refusal(call):
        return refusal
    if call.route.thing_id is not None:
        return _thing(call, call.route.thing_id)
    return _list(call)


def mode_refusal(call: Call) -> Answer | None:
    """422 where the account's mode has no such things."""
    is_about_stages = call.route.resource in ("stages", "stage")
    shows = call.world.shows_stages if is_about_stages else call.world.shows_segments
    return None if shows(call.account.id) else problem(422, "Customers disabled")


def _account(call: Call) -> Answer:
    payload = call.account.item(current_user_id=call.token.user_id)
    payload["_links"] = {"self": {"href": call.request.base_url + PATHS["account"]}}
    if "datetime_settings" in call.request.query.get("with", "").split(","):
        payload["_embedded"] = {"datetime_settings": call.account.datetime_settings(call.world.now())}
    return success(payload)


def _thing(call: Call, thing_id: int) -> Answer:
    list_name = next(name for name, one in ONE_OF.items() if one == call.route.resource)
    for item in _items(call, list_name):
        if item["id"] == thing_id:
            return success(linked(call, list_name, item))
    return (
        nothing()
        if call.world.quirks.is_missing_thing_204
        else problem(404, f"{call.route.resource} not found".capitalize())
    )


def _list(call: Call) -> Answer:
    quirks, name = call.world.quirks, call.route.resource
    items = _items(call, name)
    if not items and quirks.is_empty_list_204:
        return nothing()
    if name == "stages":
        return success(_document(call, items, total=len(items), links={"self": call.request.base_url + PATHS[name]}))

    limit, page = _limit(call), call.request.page
    page_count = max(1, -(-len(items) // limit))
    if page > page_count:
        return nothing()
    links = {"self": _page_url(call, page, limit)}
    if page < page_count:
        links["next"] = _page_url(call, page + 1, limit)
    if page > 1:
        links |= {"first": _page_url(call, 1, limit), "prev": _page_url(call, page - 1, limit)}
    shown = items[(page - 1) * limit : page * limit]
    return success(_document(call, shown, total=len(items), links=links, page=page, page_count=page_count))


def _items(call: Call, list_name: str) -> list[dict[str, Json]]:
    shown = {
        "stages": call.world.shown_stages,
        "segments": call.world.shown_segments,
        "fields": call.world.shown_fields,
    }
    return shown[list_name](call.account.id)


def _document(
    call: Call,
    items: list[dict[str, Json]],
    *,
    total: int,
    links: dict[str, str],
    page: int | None = None,
    page_count: int | None = None,
) -> Json:
    """A collection as the page shows it: stages have a total but no pages."""
    name, has_totals = call.route.resource, call.world.quirks.has_totals
    document: dict[str, Json] = {"_total_items": total} if has_totals else {}
    if page is not None:
        document["_page"] = page
    if page_count is not None and has_totals:
        document["_page_count"] = page_count
    document["_links"] = {relation: {"href": url} for relation, url in links.items()}
    document["_embedded"] = {PATHS[name].rpartition("/")[2]: [linked(call, name, item) for item in items]}
    return document


def linked(call: Call, list_name: str, item: dict[str, Json]) -> dict[str, Json]:
    """An item with the link to itself."""
    return item | {"_links": {"self": {"href": f"{call.request.base_url}{PATHS[list_name]}/{item['id']}"}}}


def _limit(call: Call) -> int:
    quirks, asked = call.world.quirks, call.request.query.get("limit", "")
    if quirks.ignores_limit or not asked.isdecimal() or int(asked) == 0:
        return quirks.default_limit
    return min(int(asked), quirks.max_limit)


def _page_url(call: Call, page: int, limit: int) -> str:
    return f"{call.request.base_url}{PATHS[call.route.resource]}?{urlencode({'page': page, 'limit': limit})}"
