"""The methods that only read: the account, the three lists, and one thing of each by its id."""

from __future__ import annotations

from urllib.parse import urlencode

from emulator.calls import Call, linked, missing
from emulator.messages import Answer, nothing, success
from emulator.routes import LIST_OF, PATHS
from emulator.things import Json


def show_account(call: Call) -> Answer:
    """``GET /account``, with ``datetime_settings`` where ``with`` names them."""
    payload = call.account.item(current_user_id=call.token.user_id)
    payload["_links"] = {"self": {"href": call.request.base_url + PATHS["account"]}}
    if "datetime_settings" in call.request.query.get("with", "").split(","):
        payload["_embedded"] = {"datetime_settings": call.account.datetime_settings(call.world.now())}
    return success(payload)


def show_thing(call: Call) -> Answer:
    """``GET …/{id}`` of any of the three lists."""
    list_name = LIST_OF[call.route.resource]
    for item in _items(call, list_name):
        if item["id"] == call.route.thing_id:
            return success(linked(call, list_name, item))
    return missing(call)


def show_list(call: Call) -> Answer:
    """A list: stages at once, segments and fields by pages. Past the last page there is nothing: 204."""
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


def _limit(call: Call) -> int:
    quirks, asked = call.world.quirks, call.request.query.get("limit", "")
    if quirks.ignores_limit or not asked.isdecimal() or int(asked) == 0:
        return quirks.default_limit
    return min(int(asked), quirks.max_limit)


def _page_url(call: Call, page: int, limit: int) -> str:
    return f"{call.request.base_url}{PATHS[call.route.resource]}?{urlencode({'page': page, 'limit': limit})}"
