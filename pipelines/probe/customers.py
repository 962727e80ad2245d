"""Behaviour of the list of customers, and their number. No row is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelines.probe.finding import UNKNOWN, Finding
from pipelines.probe.lists import ProbedList, first_page, probe_list
from pipelines.probe.reader import ProbeReader, Reading

CUSTOMERS: Final = ProbedList(name="customers", path="/api/v4/customers", expected_orders=("by id",))
FAR_FUTURE: Final = 4_000_000_000
"""Unix seconds in the year 2096, which no row has reached."""

MAX_PAGES: Final = 1 << 20


def probe_customers(reader: ProbeReader, *, has_filter: bool | None) -> Iterator[Finding]:
    """Yield the findings; ``has_filter`` is what the account says of the paid option."""
    page, limit = first_page(reader, CUSTOMERS)
    if not page.is_usable:
        yield Finding(subject="customers", name="access", observed=page.describe(), expected=("200 with rows",))
        return
    yield from probe_list(reader, CUSTOMERS, page, limit)
    yield Finding(subject="customers", name="rows", observed=_describe_rows(page), expected=("complete",))
    if page.rows:
        yield Finding(subject="customers", name="filter", observed=_filter(reader, has_filter=has_filter))
        yield Finding(
            subject="customers", name="bytes of a row", observed=_magnitude(page.byte_count // len(page.rows))
        )


def count_customers(reader: ProbeReader, limit: int, first: Reading) -> int:
    """Count the customers by bisection over ``page``, with about two requests per power of two.

    Pages of the largest size are read, but of each only its length counts.
    """
    if not first.has_next:
        return len(first.rows)
    last, last_rows, beyond = 1, len(first.rows), 2
    while beyond < MAX_PAGES and (rows := _page_length(reader, beyond, limit)):
        last, last_rows, beyond = beyond, rows, beyond * 2
    while beyond - last > 1:
        middle = (last + beyond) // 2
        if rows := _page_length(reader, middle, limit):
            last, last_rows = middle, rows
        else:
            beyond = middle
    return (last - 1) * len(first.rows) + last_rows


def _page_length(reader: ProbeReader, page: int, limit: int) -> int:
    return len(reader.get(CUSTOMERS.path, {"page": page, "limit": limit}).rows)


def _filter(reader: ProbeReader, *, has_filter: bool | None) -> str:
    """Find out whether a filter that selects nothing is heeded, and whether the account says so."""
    filtered = reader.get(CUSTOMERS.path, {"page": 1, "limit": 1, "filter[updated_at][from]": FAR_FUTURE})
    is_heeded = not filtered.rows
    option = {True: "option on", False: "option off", None: "option not stated"}[has_filter]
    return f"{'heeded' if is_heeded else 'ignored'}, {option}, {filtered.describe()}"


def _describe_rows(page: Reading) -> str:
    """Find out whether each row has what a scan reads."""
    if not page.rows:
        return UNKNOWN
    for row in page.rows:
        embedded = row.get("_embedded")
        if not isinstance(embedded, dict) or "segments" not in embedded:
            return "without segments"
        if row.get("status_id") is None:
            return "without status_id"
    return "with deleted ones" if any(row.get("is_deleted") for row in page.rows) else "complete"


def _magnitude(number: int) -> str:
    """Round up to a power of two, which says enough and identifies nothing."""
    return f"up to {1 << max(0, number - 1).bit_length():,}"
