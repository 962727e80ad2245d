"""How a list is read page by page until it is certainly whole: pages in, pages to ask for out.

Nothing is sent here. amoCRM pages by number, so a list that changes between two requests shows a
row twice or not at all. One page is a state of the list by itself. Several pages are trusted only
when the next pass shows the same ids in the same order: since ids are never reused and rows keep
their order, two such passes hold every row that was there all along, and only rows that were there
between them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from pipelines.amocrm.models import Json, Resource
from pipelines.amocrm.validation import InvalidRecord, parse_row_id
from pipelines.base.checks import is_integer
from pipelines.base.errors import IncompleteList

MAX_PASSES = 4
"""Times a list is read before it counts as changing too fast."""

MAX_PAGES = 40
"""Pages in a pass, at most: a load has no more requests than that."""

EMBEDDED_NAMES: Mapping[Resource, str] = {"stages": "statuses", "segments": "segments", "fields": "custom_fields"}
"""The key of ``_embedded`` under which each list has its rows."""

Row: TypeAlias = dict[str, Json]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of a list. Everything but the rows is optional in the API."""

    rows: tuple[Row, ...]
    ids: tuple[int, ...]  # of the rows, in their order
    total: int | None = None  # rows in the whole list, as the server counts them
    number: int | None = None  # None where the list is not paginated
    page_count: int | None = None
    has_next: bool = False
    next_number: int | None = None  # as the link to the next page has it


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRequest:
    """A page to ask for."""

    page: int
    pass_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CompleteList:
    """A list put together from the pages of one pass."""

    rows: Mapping[int, Row]  # by id, in the order of the list
    duplicate_ids: tuple[int, ...]  # ids that were listed more than once, with the same content
    is_total_wrong: bool  # the server counts other than it lists


def parse_page(document: Json, resource: Resource, requested_page: int) -> Page:
    """One page from its document.

    Raises ``Misshapen`` where it is no page of this list, or not the page asked for.
    """
    if document == []:
        return Page(rows=(), ids=())
    if not isinstance(document, dict):
        raise InvalidRecord("a list is not an object")
    rows = _parse_rows(document.get("_embedded"), EMBEDDED_NAMES[resource])
    number = document.get("_page")
    if number is not None and str(number) != str(requested_page):
        raise InvalidRecord(f"page {requested_page} was asked for, and another came")
    href = _parse_next_href(document.get("_links"))
    return Page(
        rows=tuple(rows),
        ids=tuple(parse_row_id(row, resource.removesuffix("s")) for row in rows),
        total=_parse_count(document.get("_total_items")),
        number=None if number is None else requested_page,
        page_count=_parse_count(document.get("_page_count")),
        has_next=href is not None,
        next_number=_parse_page_number(href),
    )


def paginate() -> Generator[PageRequest, Page | None, tuple[Page, ...]]:
    """Ask for pages, take each (None for an answer without a body), and return the pages of the pass to rely upon.

    Raises ``IncompleteList`` where no two passes agree, and where pages repeat or point back.
    """
    previous = None
    for pass_number in range(1, MAX_PASSES + 1):
        pages, is_single_page = yield from _paginate_once(pass_number)
        current = _ids_and_totals(pages)
        if current == previous or (is_single_page and not _is_inconsistent(pages)):
            merge_pages(pages)
            return pages
        previous = current
    raise IncompleteList(f"The list was read {MAX_PASSES} times and never came out the same twice in a row.")


def merge_pages(pages: Sequence[Page]) -> CompleteList:
    """Put the pages of a pass together.

    Raises ``IncompleteList`` where a row is there twice and may hide another.
    """
    rows: dict[int, Row] = {}
    duplicates: dict[int, None] = {}
    for page in pages:
        for thing_id, row in zip(page.ids, page.rows, strict=True):
            if rows.setdefault(thing_id, row) is row:
                continue
            if rows[thing_id] != row:
                raise IncompleteList(f"The list has id {thing_id} twice, with different content.")
            duplicates[thing_id] = None
    totals = {page.total for page in pages if page.total is not None}
    if duplicates and totals and len(rows) < max(totals):
        raise IncompleteList("The list has a row twice and fewer rows than it counts.")
    return CompleteList(
        rows=rows,
        duplicate_ids=tuple(duplicates),
        is_total_wrong=bool(totals - {len(rows)}),
    )


def _paginate_once(pass_number: int) -> Generator[PageRequest, Page | None, tuple[tuple[Page, ...], bool]]:
    """All pages of one pass, and whether a single answer made it."""
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
    is_short = page.number is not None and page.total is not None and row_count < page.total and page.rows != ()
    return page.has_next or (page.page_count or 0) > number or is_short


def _ids_and_totals(pages: Sequence[Page]) -> tuple[tuple[tuple[int, ...], int | None], ...]:
    return tuple((page.ids, page.total) for page in pages)


def _is_inconsistent(pages: Sequence[Page]) -> bool:
    """Whether one answer contradicts itself: another look must tell whether it always does."""
    return any(len(set(page.ids)) != len(page.ids) or page.total not in (None, len(page.ids)) for page in pages)


def _parse_rows(embedded: Json, name: str) -> list[Row]:
    if embedded == []:
        return []
    rows = embedded.get(name) if isinstance(embedded, dict) else None
    if not isinstance(rows, list):
        raise InvalidRecord(f"the list has no '_embedded' with '{name}'")
    return rows


def _parse_next_href(links: Json) -> str | None:
    next_link = links.get("next") if isinstance(links, dict) else None
    href = next_link.get("href") if isinstance(next_link, dict) else None
    return href if isinstance(href, str) and href else None


def _parse_page_number(href: str | None) -> int | None:
    """The page a link points to.

    Host and path of a link are never used: they could take the token elsewhere.
    """
    try:
        numbers = parse_qs(urlsplit(href or "").query).get("page", [])
    except ValueError:
        return None
    return int(numbers[-1]) if numbers and numbers[-1].isdecimal() and len(numbers[-1]) < 10 else None


def _parse_count(value: Json) -> int | None:
    return value if is_integer(value) and value >= 0 else None
