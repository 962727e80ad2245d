"""Events of customers, latest first, as far as amoCRM shows them.

No state of a customer depends on events. So a scan goes on without those that amoCRM does not show, and says how far
they reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar

from pipelines.amocrm.messages import Request, list_request
from pipelines.amocrm.models import Json
from pipelines.base.errors import (
    ApiError,
    Forbidden,
    InvalidRequest,
    MalformedAnswer,
    ModeDisagreement,
    NotFound,
    Unavailable,
)
from pipelines.customers.projection import ProjectedEvents

EVENT_PAGE_SIZE: Final = 100
MAX_EVENT_PAGES: Final = 1_000
"""Pages of one reading: 100,000 events, in six minutes. A later scan reads on from there."""

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every event."""

UNREADABLE: Final = (Forbidden, InvalidRequest, MalformedAnswer, ModeDisagreement, NotFound, Unavailable)
"""Errors after which a scan goes on without events."""

Item = TypeVar("Item")
Project: TypeAlias = Callable[[Json], ProjectedEvents[Item]]
Fetch: TypeAlias = Callable[[Request, Project[Item]], ProjectedEvents[Item] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class EventCoverage:
    """Events that are stored: those from ``since`` on and before ``until``."""

    since: datetime = BEGINNING  # ``BEGINNING``: from the first that amoCRM keeps
    until: datetime = BEGINNING  # ``BEGINNING``: none
    is_complete: bool = True  # none is missing since the scan before


@dataclass(kw_only=True, slots=True)
class EventReading:
    """Events to read, and how far the reading came. All times are Unix seconds; both bounds are inclusive."""

    kind: str
    since: int  # 0: from the first that amoCRM keeps
    until: int
    is_piece: bool = False  # of a past that is too long for one reading, so that oldest first leads nowhere
    complete_from: int | None = None  # every event from here to ``until`` was read; None if nothing is certain
    is_readable: bool = True  # False if amoCRM refused a page, or it cannot be used

    def request(self, page: int) -> Request:
        """Build the request for one page. amoCRM may ignore the filters."""
        filters: dict[str, object] = {"filter[type]": self.kind, "filter[created_at][to]": self.until}
        if self.since:
            filters["filter[created_at][from]"] = self.since
        return list_request("events", page, limit=EVENT_PAGE_SIZE, filters=filters)


def read_events(fetch: Fetch[Item], project: Project[Item], reading: EventReading) -> Iterator[Sequence[Item]]:
    """Yield what ``project`` keeps of each page, and note in ``reading`` how far the pages reach.

    If amoCRM ignores filters, events before and after the wanted ones are among them. Each is yielded once, also if new
    events shift the pages. Raises ``Unavailable`` if amoCRM cannot be reached, and errors after which no request makes
    sense.
    """
    earlier: frozenset[str | None] = frozenset()
    latest: int | None = None
    oldest: int | None = None
    has_links = is_promised = False
    for number in range(1, MAX_EVENT_PAGES + 1):
        try:
            page = fetch(reading.request(number), project)
        except UNREADABLE as error:
            if _is_outage(error):
                raise
            if number == 1 or is_promised or not isinstance(error, NotFound):
                reading.is_readable = False
                return
            page = None  # past the end
        if page is None or not page.ids:
            reading.complete_from = reading.since
            return
        ids = frozenset(page.ids) - {None}
        if (ids and ids <= earlier) or _starts_elsewhere(page.times, reading):
            return
        yield [item for event_id, item in page.rows if event_id is None or event_id not in earlier]
        is_promised = page.has_next
        has_links = has_links or is_promised
        is_last = not is_promised and (has_links or len(page.ids) < EVENT_PAGE_SIZE)
        earlier = ids
        oldest = _oldest(page.times, oldest, is_first=number == 1)
        latest = max(page.times, default=None) if number == 1 else latest
        # Events of one second do not show which way the list goes, and more of them may follow.
        read_from = oldest + 1 if oldest is not None and oldest != latest else None
        if is_last or (read_from is not None and read_from <= reading.since):
            reading.complete_from = reading.since
            return
        reading.complete_from = read_from


def _oldest(times: Sequence[int], earlier: int | None, *, is_first: bool) -> int | None:
    """Return the oldest time so far; None if the events are not listed latest first."""
    if not times or list(times) != sorted(times, reverse=True):
        return None
    return times[-1] if is_first or (earlier is not None and times[0] <= earlier) else None


def _starts_elsewhere(times: Sequence[int], reading: EventReading) -> bool:
    """Return True if the wanted events begin on another page: after later ones, or after the oldest ones."""
    if not times:
        return False
    is_oldest_first = times[0] < times[-1]
    return times[-1] > reading.until or (is_oldest_first and (reading.is_piece or times[0] < reading.since))


def _is_outage(error: ApiError) -> bool:
    return isinstance(error, Unavailable) and error.status is None
