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
from pipelines.amocrm.messages import PAGE_LIMIT, entity_request, list_request
from pipelines.amocrm.models import Account, Json
from pipelines.amocrm.rate_limiter import RateLimiter
from pipelines.amocrm.slot_store import FileSlotStore
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.checks import is_integer
from pipelines.base.clock import Clock
from pipelines.base.errors import Forbidden, IncompleteList, Unavailable
from pipelines.customers.projection import (
    CustomerRow,
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
from pipelines.probe.probe import probe_file, read_result

MAX_REQUESTS_PER_SECOND: Final = 3.0
SHARE_OF_RATE: Final = MAX_REQUESTS_PER_SECOND / HOST_REQUESTS_PER_SECOND
"""A scan uses three fifths of a host's rate, and at most three requests a second: loads go first."""

MAX_YIELD_SECONDS: Final = 10.0
"""Seconds that a request of a scan lets queued loads go first. After them it joins the queue, so that scans end."""

SCAN_LIMITS: Final = Limits(requests=1_000_000, load_seconds=6 * 3600.0, transient_retries=3)

PAGE_SIZES: Final = (PAGE_LIMIT, 50, 10)
"""Sizes to try if amoCRM does not answer in time. Each divides the one before, so positions stay the same."""

EVENT_PAGE_SIZE: Final = 100
MAX_EVENT_PAGES: Final = 1_000
"""Older events are left out: 100,000 of them are enough to explain a day, and years of most accounts."""

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

    def read_customers(self, position: int = 0) -> Iterator[ReadPage]:
        """Yield the pages of customers that follow a position.

        The list has neither totals nor a documented order, and may change between two pages.
        Raises ``IncompleteList`` if a page repeats an earlier one.
        """
        while position % self._page_size:
            self._page_size = self._sizes.pop(0)
        earlier: set[int] = set()  # hashes of pages
        may_be_short = position > 0
        while True:
            sent_at, size = self.clock.now(), self._page_size
            page = self._fetch_page(position)
            if self._page_size < size and may_be_short:
                # Pages had fewer rows than were requested, so the position does not say how many were read.
                position, may_be_short, earlier = 0, False, set()
                continue
            if page is None or not (page.ids or page.has_next):
                return
            page_hash = hash(str(page.ids))
            if page_hash in earlier:
                raise IncompleteList("A page of the list of customers repeats an earlier one.")
            earlier.add(page_hash)
            may_be_short = may_be_short or len(page.ids) < self._page_size
            position += self._page_size
            yield ReadPage(rows=page.rows, position=position, sent_at=sent_at, received_at=self.clock.now())
            if not page.has_next:
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

    def read_moves(self, since: datetime | None, until: datetime) -> Iterator[Sequence[StageMove]]:
        """Yield pages of moves between stages from ``since`` (None: all) until ``until``."""
        yield from self._read_events(project_moves, "customer_status_changed", since, until)

    def read_deletions(self, since: datetime, until: datetime) -> Iterator[Sequence[int]]:
        """Yield pages of ids of customers that were deleted."""
        yield from self._read_events(project_deletions, "customer_deleted", since, until)

    def _read_events(
        self, project: Callable[[Json], ProjectedPage[Item | None]], kind: str, since: datetime | None, until: datetime
    ) -> Iterator[Sequence[Item]]:
        """Yield pages of events. The filter may be ignored, so ``project`` checks the kind.

        New events move later ones to the next page, which then repeats them.
        """
        filters: dict[str, object] = {"filter[type]": kind, "filter[created_at][to]": int(until.timestamp())}
        if since is not None:
            filters["filter[created_at][from]"] = int(since.timestamp())
        previous: Sequence[Json] = ()
        for number in range(1, MAX_EVENT_PAGES + 1):
            self._wait()
            page = self.client.fetch_parsed(
                list_request("events", number, limit=EVENT_PAGE_SIZE, filters=filters), project
            )
            if page is None or not page.ids or page.ids == previous:
                return
            rows = zip(page.rows, page.ids, strict=True)
            yield [row for row, event_id in rows if row is not None and (event_id is None or event_id not in previous)]
            previous = page.ids
            if not page.has_next:
                return

    def _fetch_page(self, position: int) -> ProjectedPage[CustomerRow] | None:
        """Fetch the page that follows a position, with a smaller size if amoCRM times out."""
        while True:
            self._wait()
            request = list_request("customers", position // self._page_size + 1, limit=self._page_size)
            try:
                return self.client.fetch_parsed(request, partial(project_customers, has_segments=self.has_segments))
            except Unavailable as error:
                if error.status != 504 or not self._sizes:
                    raise
                self._page_size = self._sizes.pop(0)

    def _wait(self) -> None:
        """Wait for the scan's own rate limit and for loads; the session then waits for the limits that they share."""
        for wait in waits_for_turn(self.scan_limiter, self.client.rate_limiter, self.clock.monotonic):
            if wait:
                self.clock.sleep(wait)


def waits_for_turn(
    scan_limiter: RateLimiter, host_limiter: RateLimiter, monotonic: Callable[[], float]
) -> Iterator[float]:
    """Yield the seconds to sleep before a scan's next request: for the scan's rate, then while loads are queued."""
    yield scan_limiter.reserve(monotonic())
    until = monotonic() + MAX_YIELD_SECONDS
    while (wait := min(host_limiter.queue_seconds(monotonic()), until - monotonic())) > 0:
        yield wait


@contextmanager
def open_reader(context: LoadContext) -> Iterator[CustomerReader]:
    """Open the client of a scan."""
    with open_client(context, SCAN_LIMITS, keeps_responses=False) as client:
        rate = limits_for(context.settings, client.base_url).requests_per_second * SHARE_OF_RATE
        scan_limiter = RateLimiter(interval=0.0, burst=1)
        if math.isfinite(rate):
            # One file for all accounts: their scans share this machine's address.
            slots = FileSlotStore(context.settings.data_dir / "pace" / "customers")
            scan_limiter = RateLimiter(interval=1 / min(rate, MAX_REQUESTS_PER_SECOND), burst=1, slots=slots)
        sizes = _page_sizes(context)
        yield CustomerReader(
            client=client, clock=context.clock, scan_limiter=scan_limiter, _page_size=sizes[0], _sizes=list(sizes[1:])
        )


def _page_sizes(context: LoadContext) -> Sequence[int]:
    """Return the page sizes to try, without those that a probe saw time out."""
    probed = read_result(probe_file(context.settings.data_dir, context.account_key))
    largest = (probed and probed.customers_limit) or PAGE_LIMIT
    return [size for size in PAGE_SIZES if size <= largest] or PAGE_SIZES[-1:]


def _project_one(document: Json, customer_id: int, *, has_segments: bool) -> CustomerRow:
    """Reduce a customer that was requested by id. Raises ``InvalidRecord`` if it has another id."""
    row = project_customer(document, has_segments=has_segments)
    if row.id != customer_id:
        raise InvalidRecord("another customer was returned than was requested")
    return row
