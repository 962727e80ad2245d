"""Requests of a scan: pages of customers and events, customers by id, and sizes of segments.

A scan sends its requests more slowly than loads, and keeps no response.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.messages import PAGE_LIMIT, Request, entity_request, list_request
from pipelines.amocrm.models import Account, Json
from pipelines.amocrm.rate_limiter import RateLimiter
from pipelines.amocrm.slot_store import FileSlotStore
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.checks import is_integer
from pipelines.base.clock import Clock
from pipelines.base.errors import Forbidden, IncompleteList, NotFound, Unavailable
from pipelines.customers.checkpoint import ListPosition
from pipelines.customers.events import EventReading, read_events
from pipelines.customers.projection import (
    CustomerRow,
    ProjectedEvents,
    ProjectedPage,
    StageMove,
    project_customer,
    project_customers,
    project_deletions,
    project_moves,
)
from pipelines.load.context import LoadContext
from pipelines.load.fetch import open_client
from pipelines.load.rate_limits import HOST_REQUESTS_PER_SECOND, limits_for
from pipelines.probe.page_limits import probed_page_limits

MAX_REQUESTS_PER_SECOND: Final = 3.0
SHARE_OF_RATE: Final = MAX_REQUESTS_PER_SECOND / HOST_REQUESTS_PER_SECOND
"""A scan uses three fifths of a host's rate, and at most three requests a second: loads go first."""

MAX_YIELD_SECONDS: Final = 10.0
"""Seconds that a request of a scan lets loads go first. After them it joins the queue, so that scans end."""

QUIET_SECONDS: Final = 0.5
"""Seconds without a request of a load after which a scan goes on: a load sends its next request within that time."""

RESERVE_SECONDS: Final = 0.05
"""Seconds from a scan's turn within which its request has reserved its own slot. A later slot is a load's."""

SCAN_LIMITS: Final = Limits(requests=1_000_000, load_seconds=6 * 3600.0, transient_retries=3)

PAGE_SIZES: Final = (PAGE_LIMIT, 50, 10)
"""Sizes to try if amoCRM does not answer in time. Each divides the one before, so positions stay the same."""


MAX_COUNT: Final = 2**63
"""Above the largest number of customers that the warehouse can store."""

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadPage:
    """One page of customers."""

    rows: Sequence[CustomerRow]
    position: int  # of its last row in the list, if all pages are full
    sent_at: datetime
    received_at: datetime  # the rows are of an instant between the two


@dataclass(kw_only=True, slots=True)
class CustomerReader:
    """API client of one scan."""

    client: AmoClient
    clock: Clock
    scan_limiter: RateLimiter
    has_segments: bool = True  # of the account's mode
    _page_size: int
    _sizes: list[int]  # smaller ones, to try if amoCRM does not answer in time
    _turn_at: float = float("-inf")  # on the monotonic clock, of the latest request
    is_by_id: bool = True  # every page so far was sorted by id
    _is_promised: bool = False  # the page before linked to the next one

    def fetch_account(self) -> Account:
        """Fetch the account."""
        self._wait()
        return self.client.fetch_account()

    def fetch_sizes(self) -> list[tuple[int, int | None]]:
        """Fetch the segments with their ``customers_count``; None if that is no usable number."""
        self._wait()
        rows = self.client.fetch_list("segments").rows
        counts = ((segment_id, row.get("customers_count")) for segment_id, row in rows.items())
        return [(one, count if is_integer(count) and 0 <= count < MAX_COUNT else None) for one, count in counts]

    def read_customers(self, start: ListPosition) -> Iterator[ReadPage]:
        """Yield the pages of customers that follow a position, the first one again if their size is another one now.

        The list has neither totals nor a documented order, and may change between two pages. If amoCRM's pages are
        smaller than requested, a position does not say how many rows were read: another size begins anew. Raises
        ``IncompleteList`` if a page is linked to that shows what an earlier one did.
        """
        if start.page_size:
            self._page_size, self._sizes = start.page_size, [one for one in PAGE_SIZES if one < start.page_size]
        position, seen = start.row_count, set[int]()
        self._is_promised, has_links, are_full = False, False, position == 0
        while True:
            sent_at, size = self.clock.now(), self._page_size
            page = self._fetch_page(position)
            if self._page_size < size and not are_full:
                position, are_full, self._is_promised = 0, True, False
                seen.clear()
                continue
            if page is None or not (page.ids or page.has_next):
                if position == 0:  # a scan of nobody has a page too
                    yield ReadPage(rows=(), position=self._page_size, sent_at=sent_at, received_at=self.clock.now())
                return
            if (ids := hash(page.ids)) in seen:
                if not self._is_promised:
                    return
                raise IncompleteList("A page of the list of customers repeats an earlier one.")
            seen.add(ids)
            position = (position // self._page_size + 1) * self._page_size
            yield ReadPage(rows=page.rows, position=position, sent_at=sent_at, received_at=self.clock.now())
            ascending = sorted(row.id for row in page.rows)
            self.is_by_id = self.is_by_id and [row.id for row in page.rows] in (ascending, ascending[::-1])
            is_full = len(page.ids) == self._page_size
            are_full = are_full and is_full
            self._is_promised, has_links = page.has_next, has_links or page.has_next
            if not page.has_next and (has_links or not is_full):
                return

    def read_customer(self, customer_id: int) -> tuple[CustomerRow | None, bool]:
        """Read one customer by its id; None and True if amoCRM has none, None and False if it must not be seen."""
        self._wait()
        try:
            row = self.client.fetch_parsed(
                entity_request("customer", customer_id),
                partial(_project_one, customer_id=customer_id, has_segments=self.has_segments),
            )
        except Forbidden as error:
            if error.status == 402:  # the account is not paid for
                raise
            return None, False
        return row, row is None

    def read_moves(self, reading: EventReading) -> Iterator[Sequence[StageMove]]:
        """Yield pages of moves between stages."""
        yield from read_events(self._fetch_events, project_moves, reading)

    def read_deletions(self, reading: EventReading) -> Iterator[Sequence[int]]:
        """Yield pages of ids of customers that were deleted."""
        yield from read_events(self._fetch_events, project_deletions, reading)

    def _fetch_events(
        self, request: Request, project: Callable[[Json], ProjectedEvents[Item]]
    ) -> ProjectedEvents[Item] | None:
        self._wait()
        return self.client.fetch_parsed(request, project)

    def _fetch_page(self, position: int) -> ProjectedPage[CustomerRow] | None:
        """Fetch the page that follows a position, with a smaller size if amoCRM times out."""
        while True:
            self._wait()
            number = position // self._page_size + 1
            try:
                return self.client.fetch_parsed(
                    list_request("customers", number, limit=self._page_size),
                    partial(project_customers, has_segments=self.has_segments),
                )
            except NotFound:
                if number == 1 or self._is_promised:
                    raise
                return None  # past the end
            except Unavailable as error:
                if error.status != 504 or not self._sizes:
                    raise
                self._page_size = self._sizes.pop(0)

    def _wait(self) -> None:
        """Wait for the scan's own rate limit and for loads; the session then waits for the limits that they share."""
        for wait in waits_for_turn(self.scan_limiter, self.client.rate_limiter, self.clock.monotonic, self._turn_at):
            if wait:
                self.clock.sleep(wait)
        self._turn_at = self.clock.monotonic()


def waits_for_turn(
    scan_limiter: RateLimiter, host_limiter: RateLimiter, monotonic: Callable[[], float], turn_at: float
) -> Iterator[float]:
    """Yield the seconds to sleep before a scan's next request: for the scan's rate, then while loads send requests.

    ``turn_at`` is the scan's previous turn: slots that are reserved after it are those of loads.
    """
    yield scan_limiter.reserve(monotonic())
    until = monotonic() + MAX_YIELD_SECONDS
    while (last := host_limiter.last_reserved_at()) > turn_at + RESERVE_SECONDS:
        wait = min(last + QUIET_SECONDS, until) - monotonic()
        if wait <= 0:
            return
        yield wait


@contextmanager
def open_reader(context: LoadContext, rate: float | None = None) -> Iterator[CustomerReader]:
    """Open the client of a scan that sends ``rate`` requests a second; None: its share of the host's rate."""
    with open_client(context, SCAN_LIMITS, keeps_responses=False) as client:
        if rate is None:
            host_rate = limits_for(context.settings, client.base_url).requests_per_second
            rate = min(host_rate * SHARE_OF_RATE, MAX_REQUESTS_PER_SECOND) if math.isfinite(host_rate) else math.inf
        # One file for all accounts: their scans share this machine's address.
        slots = FileSlotStore(context.settings.data_dir / "pace" / "customers")
        scan_limiter = RateLimiter(interval=1 / rate, burst=1, slots=slots)
        sizes = _page_sizes(context)
        yield CustomerReader(
            client=client, clock=context.clock, scan_limiter=scan_limiter, _page_size=sizes[0], _sizes=list(sizes[1:])
        )


def _page_sizes(context: LoadContext) -> Sequence[int]:
    """Return the page sizes to try, from the largest one that a probe saw served."""
    limits = probed_page_limits(context.settings.data_dir, context.account_key)
    largest = limits.get("customers", PAGE_LIMIT)
    return [largest, *(size for size in PAGE_SIZES if size < largest)]


def _project_one(document: Json, customer_id: int, *, has_segments: bool) -> CustomerRow:
    """Reduce a customer that was requested by id. Raises ``InvalidRecord`` if it has another id."""
    row = project_customer(document, has_segments=has_segments)
    if row.id != customer_id:
        raise InvalidRecord("another customer was returned than was requested")
    return row
