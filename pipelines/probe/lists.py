"""Behaviour of a list: its limits, order, end, links and unknown ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipelines.amocrm.models import Json
from pipelines.amocrm.numbered_lists import is_numbered
from pipelines.probe.finding import UNKNOWN, Finding
from pipelines.probe.reader import ProbeReader, Reading

FAR_PAGE: Final = 100_000
UNKNOWN_ID: Final = 999_999_999_999
DEFAULT_LIMIT: Final = 50

SHORTER_LIMITS: Final = (100, 50, 10)
"""Page sizes to try if amoCRM does not serve the largest one."""

TOO_LARGE: Final = (0, 400, 413, 500, 502, 503, 504)
"""Statuses that may be due to the size of a page; 0 if no response arrived."""

LARGEST_LIMIT: Final = "largest limit served"
LARGEST_PAGE: Final = "largest page"
ORDER_KEYS: Final = ("id", "updated_at", "created_at", "sort")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbedList:
    """A list of the API, and what loads are made for."""

    name: str
    path: str
    max_limit: int = 250
    is_paginated: bool = True
    has_entities: bool = True  # each row has a path of its own
    expected_orders: tuple[str, ...] = ()


STAGES: Final = ProbedList(name="stages", path="/api/v4/customers/statuses", is_paginated=False)
SEGMENTS: Final = ProbedList(name="segments", path="/api/v4/customers/segments")
FIELDS: Final = ProbedList(name="fields", path="/api/v4/customers/segments/custom_fields")


def first_page(reader: ProbeReader, probed: ProbedList) -> tuple[Reading, int]:
    """Return the first page of the largest size that is served, and that size; without any, the largest size's."""
    first = reader.get(probed.path, {"page": 1, "limit": probed.max_limit})
    if first.status in TOO_LARGE and probed.is_paginated:
        for limit in SHORTER_LIMITS:
            page = reader.get(probed.path, {"page": 1, "limit": limit})
            if page.is_usable:
                return page, limit
    return first, probed.max_limit


def probe_list(reader: ProbeReader, probed: ProbedList, page: Reading, limit: int) -> Iterator[Finding]:
    """Yield the findings of a list whose first page, with this limit, is known."""

    def finding(name: str, observed: str, *expected: str) -> Finding:
        return Finding(subject=probed.name, name=name, observed=observed, expected=expected)

    if not page.rows:
        yield finding("empty list", page.describe(), "204", "200 without rows")
        return
    yield finding("status of a page", str(page.status), "200")
    yield finding("content type", _content_type(page), "application/hal+json", "application/json")
    yield finding("totals", _totals(page), "right", "none")
    yield finding("page number", "stated" if "_page" in page.document else "none", *_if(probed, "stated", "none"))
    yield finding("lists written as objects", "yes" if _has_numbered_lists(page) else "no", "no", "yes")
    yield finding("order", _order(page.rows), *probed.expected_orders)
    yield finding(LARGEST_LIMIT, str(limit), str(probed.max_limit))
    yield finding("limit of 1", _small_limit(reader, probed, page), *_if(probed, "honoured"))
    yield finding(LARGEST_PAGE, f"{len(page.rows)} rows" if page.has_next else UNKNOWN, f"{probed.max_limit} rows")
    yield finding("without a limit", _default_limit(reader, probed, page), f"{DEFAULT_LIMIT} rows")
    yield finding("limit over the maximum", _over_limit(reader, probed, page))
    yield finding("link to the next page", _next_link(reader, probed, page, limit), *_if(probed, *NEXT_LINKS))
    far = reader.get(probed.path, {"page": FAR_PAGE, "limit": limit})
    yield finding("page past the end", far.describe(), *_if(probed, "204", "200 without rows"))
    if probed.has_entities:
        unknown = reader.get(f"{probed.path}/{UNKNOWN_ID}")
        yield finding("unknown id", unknown.describe(), "404", "204")


def only_list_of_other_mode(reader: ProbeReader, probed: ProbedList) -> Finding:
    """Find out how the list of the other mode responds."""
    observed = reader.get(probed.path, {"page": 1, "limit": 1}).describe()
    return Finding(subject=probed.name, name="list of the other mode", observed=observed, expected=("422",))


NEXT_LINKS: Final = ("only if rows follow", "also on the last page")


def _if(probed: ProbedList, *expected: str) -> tuple[str, ...]:
    """Return what loads expect of lists with pages; nothing of others."""
    return expected if probed.is_paginated else ()


def _content_type(page: Reading) -> str:
    name = page.headers.get("content-type", "none").partition(";")[0].strip().lower()
    return name if name in ("application/hal+json", "application/json", "none") else "another"


def _totals(page: Reading) -> str:
    total = page.document.get("_total_items")
    if total is None:
        return "none"
    if page.has_next:
        return UNKNOWN
    return "right" if total == len(page.rows) else "wrong"


def _has_numbered_lists(page: Reading) -> bool:
    """Return True if PHP wrote a list as an object with numbered keys."""
    lists = [page.embedded, *(value for row in page.rows for value in row.values())]
    return any(value and is_numbered(value) for value in lists)


def _order(rows: list[dict[str, Json]]) -> str:
    """Name the first property by which the rows are sorted."""
    for key in ORDER_KEYS:
        values = [row.get(key) for row in rows]
        numbers = [value for value in values if isinstance(value, int)]
        if len(numbers) < len(values) or len(set(numbers)) < 3:
            continue
        if all(one <= other for one, other in pairwise(numbers)):
            return f"by {key}"
        if all(one >= other for one, other in pairwise(numbers)):
            return f"by {key}, descending"
    return UNKNOWN if len(rows) < 3 else "another"


def _small_limit(reader: ProbeReader, probed: ProbedList, page: Reading) -> str:
    if len(page.rows) < 2:
        return UNKNOWN
    return "honoured" if len(reader.get(probed.path, {"page": 1, "limit": 1}).rows) == 1 else "ignored"


def _default_limit(reader: ProbeReader, probed: ProbedList, page: Reading) -> str:
    default = reader.get(probed.path)
    return f"{len(default.rows)} rows" if default.has_next or len(default.rows) < len(page.rows) else UNKNOWN


def _over_limit(reader: ProbeReader, probed: ProbedList, page: Reading) -> str:
    """Compare a page of one row more than the maximum with the largest one."""
    over = reader.get(probed.path, {"page": 1, "limit": probed.max_limit + 1})
    if not over.rows:
        return over.describe()
    if len(over.rows) > probed.max_limit:
        return "honoured"
    if len(over.rows) < len(page.rows):
        return f"falls back to {len(over.rows)} rows"
    return "capped" if page.has_next else UNKNOWN if len(page.rows) <= DEFAULT_LIMIT else "no fallback"


def _next_link(reader: ProbeReader, probed: ProbedList, page: Reading, limit: int) -> str:
    """Find out whether a link to a next page means that rows follow, and that none follow without it."""
    if not page.has_next:
        rows = reader.get(probed.path, {"page": 2, "limit": limit}).rows
        return "missing, though rows follow" if rows and rows != page.rows else NEXT_LINKS[0]
    if page.next_page in (None, 1):
        return "to no other page"
    second = reader.get(probed.path, {"page": page.next_page, "limit": limit})
    if not second.rows:
        return NEXT_LINKS[1]
    return "to the same rows" if second.ids == page.ids else NEXT_LINKS[0]
