"""Pagination: pages in, page requests out, until a list is certainly complete.

amoCRM pages by number, so a list that changes between two requests shows a row twice or not at all.
A single page is a consistent state. Several pages are accepted only if the next pass shows the same
ids in the same order: ids are never reused and rows keep their order, so two such passes hold every
row that existed throughout, and only rows that existed between them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from pipelines.amocrm.models import Json, Resource
from pipelines.amocrm.numbered_lists import as_list, with_lists
from pipelines.amocrm.segment_row import SegmentRow
from pipelines.amocrm.validation import InvalidRecord, parse_row_id
from pipelines.base.checks import is_integer
from pipelines.base.errors import IncompleteList

MAX_PASSES = 4
"""Passes over a list before it counts as changing too fast."""

MAX_PAGES = 40
"""Maximum of pages in a pass: a load has no more requests."""

EMBEDDED_NAMES: Mapping[Resource, str] = {"stages": "statuses", "segments": "segments", "fields": "custom_fields"}
"""Key of ``_embedded`` that holds each list's rows."""

Row: TypeAlias = Mapping[str, Json]
"""JSON object, or a ``SegmentRow``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of a list. The API may leave out everything but the rows."""

    rows: tuple[Row, ...]
    ids: tuple[int, ...]  # of the rows, in their order
    total: int | None = None  # the server's count of the whole list
    number: int | None = None  # None if the list is not paginated
    page_count: int | None = None
    has_next: bool = False
    next_number: int | None = None  # from the link to the next page


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRequest:
    """Number of a page to fetch, and of its pass."""

    page: int
    pass_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CompleteList:
    """List merged from the pages of one pass."""

    rows: Mapping[int, Row]  # by id, in the order of the list
    duplicate_ids: tuple[int, ...]  # ids that were listed more than once, with the same content
    is_total_wrong: bool  # the server's count differs from the rows


def parse_page(document: Json, resource: Resource, requested_page: int) -> Page:
    """Parse one page. Raises ``InvalidRecord`` if it is not a page of this list or not the requested one."""
    if document == []:
        return Page(rows=(), ids=())
    if not isinstance(document, dict):
        raise InvalidRecord("a list is not an object")
    rows = _parse_rows(document.get("_embedded"), EMBEDDED_NAMES[resource])
    number = document.get("_page")
    if number is not None and str(number) != str(requested_page):
        raise InvalidRecord(f"page {requested_page} was requested, and another one returned")
    href = parse_next_href(document.get("_links"))
    return Page(
        rows=tuple(rows),
        ids=tuple(
            row.fields.id if isinstance(row, SegmentRow) else parse_row_id(row, resource.removesuffix("s"))
            for row in rows
        ),
        total=_parse_count(document.get("_total_items")),
        number=None if number is None else requested_page,
        page_count=_parse_count(document.get("_page_count")),
        has_next=href is not None,
        next_number=parse_page_number(href),
    )


def paginate() -> Generator[PageRequest, Page | None, tuple[Page, ...]]:
    """Yield page requests, receive each page (None for a response without a body), return the accepted pass.

    Raises ``IncompleteList`` if no two passes agree, and if pages repeat or point back.
    """
    previous = None
    for pass_number in range(1, MAX_PASSES + 1):
        pages, is_single_page = yield from _paginate_once(pass_number)
        current = _ids_and_totals(pages)
        if current == previous or (is_single_page and not _is_inconsistent(pages)):
            merge_pages(pages)
            return pages
        previous = current
    raise IncompleteList(f"The list was fetched {MAX_PASSES} times and was never the same twice in a row.")


def merge_pages(pages: Sequence[Page]) -> CompleteList:
    """Merge the pages of a pass.

    Raises ``IncompleteList`` if a repeated row may hide a missing one.
    """
    rows: dict[int, Row] = {}
    duplicates: dict[int, None] = {}
    for page in pages:
        for thing_id, row in zip(page.ids, page.rows, strict=True):
            if rows.setdefault(thing_id, row) is row:
                continue
            if _content(rows[thing_id]) != _content(row):
                raise IncompleteList(f"The list has id {thing_id} twice, with different content.")
            duplicates[thing_id] = None
    totals = {page.total for page in pages if page.total is not None}
    if duplicates and totals and len(rows) < max(totals):
        raise IncompleteList("The list has a row twice and fewer rows than its total.")
    return CompleteList(
        rows=rows,
        duplicate_ids=tuple(duplicates),
        is_total_wrong=bool(totals - {len(rows)}),
    )


def _content(row: Row) -> Row:
    """Return a row as the careful reader compares it."""
    return with_lists(row.json() if isinstance(row, SegmentRow) else dict(row))[0]


def _paginate_once(pass_number: int) -> Generator[PageRequest, Page | None, tuple[tuple[Page, ...], bool]]:
    """Fetch all pages of one pass; return them and whether one response held them all."""
    pages: list[Page] = []
    row_count = 0
    for number in range(1, MAX_PAGES + 1):
        page = yield PageRequest(page=number, pass_number=pass_number)
        if page is None:
            return tuple(pages), number == 1
        if page.ids and pages and page.ids == pages[-1].ids:
            raise IncompleteList(f"Page {number} of the list repeats the page before it.")
        if page.next_number is not None and page.next_number <= number:
            raise IncompleteList(f"Page {number} of the list names page {page.next_number} as the next one.")
        pages.append(page)
        row_count += len(page.rows)
        if not _has_more_pages(page, number, row_count):
            return tuple(pages), number == 1
    raise IncompleteList(f"The list has no end after {MAX_PAGES} pages.")


def _has_more_pages(page: Page, number: int, row_count: int) -> bool:
    """Return True if the link, the page count or the total says that more pages follow."""
    is_short = page.number is not None and page.total is not None and row_count < page.total and page.rows != ()
    return page.has_next or (page.page_count or 0) > number or is_short


def _ids_and_totals(pages: Sequence[Page]) -> tuple[tuple[tuple[int, ...], int | None], ...]:
    """Return what two passes must have in common."""
    return tuple((page.ids, page.total) for page in pages)


def _is_inconsistent(pages: Sequence[Page]) -> bool:
    """Return True if a page contradicts itself; another pass shows whether it always does."""
    return any(len(set(page.ids)) != len(page.ids) or page.total not in (None, len(page.ids)) for page in pages)


def _parse_rows(embedded: Json, name: str) -> list[Row]:
    """Return the rows in ``_embedded``."""
    if embedded == []:
        return []
    rows = embedded.get(name) if isinstance(embedded, dict) else None
    rows = as_list(rows) if rows else rows  # ``{}`` does not say that nothing is left
    if not isinstance(rows, list):
        raise InvalidRecord(f"the list has no '_embedded' with '{name}'")
    return rows


def parse_next_href(links: Json) -> str | None:
    """Return the link to the next page, or None."""
    next_link = links.get("next") if isinstance(links, dict) else None
    href = next_link.get("href") if isinstance(next_link, dict) else None
    return href if isinstance(href, str) and href else None


def parse_page_number(href: str | None) -> int | None:
    """Return the page number of a link.

    Its host and path are never used: they could divert the token.
    """
    try:
        numbers = parse_qs(urlsplit(href or "").query).get("page", [])
    except ValueError:
        return None
    return int(numbers[-1]) if numbers and numbers[-1].isdecimal() and len(numbers[-1]) < 10 else None


def _parse_count(value: Json) -> int | None:
    """Return a count; None if the value is not one."""
    return value if is_integer(value) and value >= 0 else None
