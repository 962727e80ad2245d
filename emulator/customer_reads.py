"""Read methods of customers and their events. Neither list has totals."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeVar

from emulator.calls import Call, not_found, with_self_link
from emulator.customer import Customer, CustomerBook, CustomerEvent
from emulator.customer_life import change_at_rate
from emulator.entities import Json
from emulator.messages import Response, no_content, problem, success, timeout
from emulator.reads import page_size, page_url
from emulator.routes import PATHS

MAX_EVENTS = 100
"""Largest page of events."""
DAY_SECONDS = 86_400

Item = TypeVar("Item")


def get_customers(call: Call) -> Response:
    """``GET /customers``: one page of those that the user may see."""
    quirks, book = call.world.quirks, _book(call)
    requested = call.request.query.get("limit", "")
    size = int(requested) if requested.isdecimal() else 0
    if quirks.customers_504_above is not None and size > quirks.customers_504_above:
        return timeout()
    if call.request.page > 1 and quirks.customer_changes_per_page:
        change_at_rate(call.world, call.account.id, quirks.customer_changes_per_page)
    is_over = quirks.falls_back_over_max and size > quirks.max_limit
    limit = quirks.default_limit if is_over else page_size(call, quirks.max_limit)
    listed: Sequence[int] = _listed(call, book)
    if call.account.is_filter_enabled:
        listed = [one for one in listed if _is_selected(call, book.customers[one])]
    return _page(call, listed, limit, lambda one: _customer_row(call, book.customers[one]))


def get_customer(call: Call) -> Response:
    """``GET /customers/{id}``: 204 if there is none, and what the quirks say if it is hidden or deleted."""
    quirks = call.world.quirks
    customer = _book(call).customers.get(call.route.thing_id or 0)
    if customer is None and quirks.is_unknown_customer_404:
        return not_found(call)
    if customer is None or (customer.deleted_at is not None and quirks.is_deleted_customer_204):
        return no_content()
    if customer.is_hidden and quirks.hidden_customer_status != 200:
        is_204 = quirks.hidden_customer_status == 204
        return no_content() if is_204 else problem(403, "Insufficient rights to see this customer")
    return success(_customer_row(call, customer))


def get_events(call: Call) -> Response:
    """``GET /events``: events of customers, newest first; 204 if there is none."""
    quirks, book = call.world.quirks, _book(call)
    oldest = 0 if quirks.events_kept_days is None else call.world.timestamp() - quirks.events_kept_days * DAY_SECONDS
    if not quirks.ignores_event_filters:
        start = call.request.query.get("filter[created_at][from]", "")
        oldest = max(oldest, int(start) if start.isdecimal() else 0)
    first = bisect_left(book.events, oldest, key=lambda one: int(one.at.timestamp()))
    shown = [one for one in reversed(book.events[first:]) if not one.is_missing]
    if not quirks.ignores_event_filters:
        kinds = {kind for text in _filter_values(call, "type") for kind in text.split(",")}
        shown = [one for one in shown if (not kinds or one.type in kinds) and _is_event_in_range(call, one)]
    if quirks.events_oldest_first:
        shown.reverse()
    return _page(call, shown, page_size(call, MAX_EVENTS), lambda one: _event_row(call, one))


def _book(call: Call) -> CustomerBook:
    return call.world.customers.get(call.account.id) or CustomerBook()


def _listed(call: Call, book: CustomerBook) -> list[int]:
    """Return the ids of the whole list in its order, computed only after changes."""
    order = call.world.quirks.customers_order
    if book.listed[0] != (book.revision, order):
        shown = [one for one in book.customers.values() if one.is_listed]
        if order == "updated_at":
            shown.sort(key=attrgetter("updated_at"))  # those of one instant stay in the order of ids
        book.listed = ((book.revision, order), [one.id for one in shown])
    return book.listed[1]


def _is_selected(call: Call, customer: Customer) -> bool:
    ids = [one for text in _filter_values(call, "id") for one in text.split(",")]
    if ids and str(customer.id) not in ids:
        return False
    return all(
        _is_in_range(call, name, int(at.timestamp()))
        for name, at in (("created_at", customer.created_at), ("updated_at", customer.updated_at))
    )


def _is_event_in_range(call: Call, event: CustomerEvent) -> bool:
    return _is_in_range(call, "created_at", int(event.at.timestamp()))


def _is_in_range(call: Call, name: str, timestamp: int) -> bool:
    """Return True if ``filter[name][from]`` and ``filter[name][to]``, both optional and inclusive, hold it."""
    start, end = (call.request.query.get(f"filter[{name}][{key}]", "") for key in ("from", "to"))
    return (not start.isdecimal() or timestamp >= int(start)) and (not end.isdecimal() or timestamp <= int(end))


def _filter_values(call: Call, name: str) -> list[str]:
    """Return the values of ``filter[name]``, ``filter[name][]`` and ``filter[name][0]``."""
    pattern = re.compile(rf"filter\[{name}\](\[\d*\])?")
    return [text for key, text in call.request.query.items() if pattern.fullmatch(key)]


def _customer_row(call: Call, customer: Customer) -> dict[str, Json]:
    return with_self_link(call, "customers", customer.item(call.account))


def _event_row(call: Call, event: CustomerEvent) -> dict[str, Json]:
    row = with_self_link(call, "events", event.item(call.account))
    href = f"{call.request.base_url}{PATHS['customers']}/{event.customer_id}"
    return row | {"_embedded": {"entity": {"id": event.customer_id, "_links": {"self": {"href": href}}}}}


def _page(call: Call, listed: Sequence[Item], limit: int, to_row: Callable[[Item], dict[str, Json]]) -> Response:
    """Return one page of a list, whose rows are made only for it."""
    page, name = call.request.page, call.route.resource
    shown = listed[(page - 1) * limit : page * limit]
    if not shown and (call.world.quirks.is_past_end_204 if page > 1 else call.world.quirks.is_empty_list_204):
        return no_content()
    links = {"self": page_url(call, page, limit)}
    if page * limit < len(listed):
        links["next"] = page_url(call, page + 1, limit)
    rows = [to_row(one) for one in shown]
    return success(
        {
            "_page": page,
            "_links": {relation: {"href": url} for relation, url in links.items()},
            "_embedded": {name: rows},
        }
    )
