"""Read methods: the account, the three lists, and their entities by id."""

from __future__ import annotations

from urllib.parse import urlencode

from emulator.calls import Call, not_found, with_self_link
from emulator.entities import Json
from emulator.messages import Response, no_content, success, timeout
from emulator.routes import LIST_OF_ENTITY, PATHS


def get_account(call: Call) -> Response:
    """``GET /account``, with ``datetime_settings`` and ``is_api_filter_enabled`` if requested by ``with``."""
    payload = call.account.item(current_user_id=call.token.user_id)
    payload["_links"] = {"self": {"href": call.request.base_url + PATHS["account"]}}
    wanted = call.request.query.get("with", "").split(",")
    if "is_api_filter_enabled" in wanted:
        payload["is_api_filter_enabled"] = call.account.is_filter_enabled
    if "datetime_settings" in wanted:
        payload["_embedded"] = {"datetime_settings": call.account.datetime_settings(call.world.now())}
    return success(payload)


def get_entity(call: Call) -> Response:
    """``GET …/{id}`` of any of the three lists."""
    list_name = LIST_OF_ENTITY[call.route.resource]
    for row in _rows(call, list_name):
        if row["id"] == call.route.thing_id:
            return success(with_self_link(call, list_name, row))
    return not_found(call)


def get_list(call: Call) -> Response:
    """Return a list: stages in one response, segments and fields in pages. After the last page, return 204."""
    quirks, name = call.world.quirks, call.route.resource
    rows = _rows(call, name)
    if not rows and quirks.is_empty_list_204:
        return no_content()
    if name == "stages":
        return success(_list_document(call, rows, total=len(rows), links={"self": call.request.base_url + PATHS[name]}))

    limit, page = page_size(call, quirks.max_limit), call.request.page
    if quirks.lists_504_above is not None and limit > quirks.lists_504_above:
        return timeout()
    page_count = max(1, -(-len(rows) // limit))
    if page > page_count and quirks.is_past_end_204:
        return no_content()
    links = {"self": page_url(call, page, limit)}
    if page < page_count:
        links["next"] = page_url(call, page + 1, limit)
    if page > 1:
        links |= {"first": page_url(call, 1, limit), "prev": page_url(call, page - 1, limit)}
    shown = rows[(page - 1) * limit : page * limit]
    return success(_list_document(call, shown, total=len(rows), links=links, page=page, page_count=page_count))


def _rows(call: Call, list_name: str) -> list[dict[str, Json]]:
    shown = {
        "stages": call.world.shown_stages,
        "segments": call.world.shown_segments,
        "fields": call.world.shown_fields,
    }
    return shown[list_name](call.account.id)


def _list_document(
    call: Call,
    rows: list[dict[str, Json]],
    *,
    total: int,
    links: dict[str, str],
    page: int | None = None,
    page_count: int | None = None,
) -> Json:
    """Return a list's document. Stages have a total but no pages."""
    name, has_totals = call.route.resource, call.world.quirks.has_totals
    document: dict[str, Json] = {"_total_items": total} if has_totals else {}
    if page is not None:
        document["_page"] = page
    if page_count is not None and has_totals:
        document["_page_count"] = page_count
    document["_links"] = {relation: {"href": url} for relation, url in links.items()}
    document["_embedded"] = {PATHS[name].rpartition("/")[2]: [with_self_link(call, name, row) for row in rows]}
    return document


def page_size(call: Call, max_limit: int) -> int:
    """Return the requested page size within the list's limits."""
    quirks, requested = call.world.quirks, call.request.query.get("limit", "")
    if quirks.ignores_limit or not requested.isdecimal() or int(requested) == 0:
        return quirks.default_limit
    return min(int(requested), max_limit)


def page_url(call: Call, page: int, limit: int) -> str:
    """Return the URL of a page, with the request's filter."""
    query = {"page": page, "limit": limit} | {
        name: text for name, text in call.request.query.items() if name.startswith("filter[")
    }
    return f"{call.request.base_url}{PATHS[call.route.resource]}?{urlencode(query)}"
