"""Reduction of customers and events to ids and numbers, right after a response is parsed.

Names, phones, custom fields and tags come unasked, since the API cannot select fields. Nothing of
them goes beyond this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

from pipelines.amocrm.models import Json
from pipelines.amocrm.numbered_lists import as_list
from pipelines.amocrm.sanitize import fits_numeric
from pipelines.amocrm.timestamps import parse_unix_seconds
from pipelines.amocrm.validation import InvalidRecord, parse_id, parse_row_id
from pipelines.base.checks import is_integer

FORGOTTEN_FROM: Final = 2**62
"""Smallest of the random ids that replace those of forgotten customers. amoCRM's are far below."""

MAX_NUMBER: Final = 10**30
"""Bound of sums and counts of a customer: Postgres adds those of all customers, and has no larger type."""

STAGE_CHANGED: Final = "customer_status_changed"

Item = TypeVar("Item")


class CustomerRow(NamedTuple):
    """Projection of a customer: all that is kept."""

    id: int
    is_gone: bool
    stage_id: int | None
    segment_ids: tuple[int, ...]  # ascending
    ltv: int | Decimal | None
    purchases_count: int | Decimal | None
    average_check: int | Decimal | None
    next_date: int | None  # Unix seconds: midnight in the account's timezone
    periodicity: int | Decimal | None  # days


class StageMove(NamedTuple):
    """Projection of an event of a customer that changed its stage."""

    customer_id: int
    moved_at: int  # Unix seconds
    from_stage_id: int  # 0: none
    to_stage_id: int  # 0: none
    user_id: int  # 0: automation


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectedPage(Generic[Item]):
    """One page of a list, reduced."""

    rows: tuple[Item, ...]
    ids: tuple[Json, ...]  # as received, one per row, to notice what is repeated
    has_next: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectedEvents(Generic[Item]):
    """One page of events, reduced. ``rows`` are those of the wanted kind, each with its event's id or None."""

    rows: tuple[tuple[str | None, Item], ...]
    ids: tuple[str | None, ...]  # of all events
    times: tuple[int, ...]  # of all events, in Unix seconds
    has_next: bool


def project_customer(row: Json, *, has_segments: bool = True) -> CustomerRow:
    """Reduce a customer. Raises ``InvalidRecord`` if its id, stage, segments or deletion cannot be used.

    With a default instead, its stays would end. Segments may only be missing if the account has none.
    """
    customer_id = parse_row_id(row, "customer")
    if customer_id >= FORGOTTEN_FROM:
        raise InvalidRecord("a customer has an id that is reserved for forgotten ones")
    next_date = row.get("next_date")
    return CustomerRow(
        id=customer_id,
        is_gone=_is_deleted(row),
        stage_id=_stage_id(row),
        segment_ids=_segment_ids(row, has_segments=has_segments),
        ltv=_number(row.get("ltv")),
        purchases_count=_number(row.get("purchases_count")),
        average_check=_number(row.get("average_check")),
        next_date=next_date if is_integer(next_date) and parse_unix_seconds(next_date) else None,
        periodicity=_number(row.get("periodicity")),
    )


def project_customers(document: Json, *, has_segments: bool = True) -> ProjectedPage[CustomerRow]:
    """Reduce a page of customers. Raises ``InvalidRecord`` if it is none."""
    return _project_page(document, "customers", partial(project_customer, has_segments=has_segments))


def project_moves(document: Json) -> ProjectedEvents[StageMove]:
    """Reduce a page of events; other events than moves of customers are left out. Raises ``InvalidRecord``."""
    return _project_events(document, _project_move)


def project_deletions(document: Json) -> ProjectedEvents[int]:
    """Reduce a page of events to the ids of customers that were deleted. Raises ``InvalidRecord``."""
    return _project_events(document, _project_deletion)


def _project_events(document: Json, project: Callable[[Json], Item | None]) -> ProjectedEvents[Item]:
    """Reduce a page of events to what ``project`` makes of them, unless that is None."""
    page = _project_page(document, "events", lambda row: (_event_id(row), _event_time(row), project(row)))
    return ProjectedEvents(
        rows=tuple((event_id, item) for event_id, _, item in page.rows if item is not None),
        ids=tuple(event_id for event_id, _, _ in page.rows),
        times=tuple(time for _, time, _ in page.rows if time is not None),
        has_next=page.has_next,
    )


def _event_id(row: Json) -> str | None:
    """Return an event's id, a text or a number. Raises ``InvalidRecord`` if the event is not an object."""
    if not isinstance(row, dict):
        raise InvalidRecord("an event is not an object")
    event_id = row.get("id")
    return str(event_id) if isinstance(event_id, str) or is_integer(event_id) else None


def _event_time(row: Json) -> int | None:
    """Return an event's time in Unix seconds."""
    time = parse_unix_seconds(row.get("created_at"))
    return None if time is None else int(time.timestamp())


def _is_deleted(row: dict[str, Json]) -> bool:
    """Return True if amoCRM says that a customer is deleted. Raises ``InvalidRecord`` for anything but a boolean."""
    is_deleted = row.get("is_deleted")
    if is_deleted is not None and not isinstance(is_deleted, bool):
        raise InvalidRecord("a customer's 'is_deleted' is no boolean")
    return bool(is_deleted)


def _stage_id(row: dict[str, Json]) -> int | None:
    """Return a customer's stage, or None. Raises ``InvalidRecord`` if it is no id."""
    value = row.get("status_id")
    stage_id = parse_id(value)
    if stage_id is None and value is not None and not (is_integer(value) and value == 0):
        raise InvalidRecord("a customer has no usable 'status_id'")
    return stage_id


def _segment_ids(row: dict[str, Json], *, has_segments: bool) -> tuple[int, ...]:
    """Return a customer's segments, ascending. Raises ``InvalidRecord`` if they, or one's id, cannot be used."""
    embedded = row.get("_embedded")
    segments = as_list(embedded.get("segments")) if isinstance(embedded, dict) else embedded
    if segments is None and not has_segments:
        return ()
    if not isinstance(segments, list) or not isinstance(embedded, dict):
        raise InvalidRecord("a customer has no list of segments")
    return tuple(sorted({parse_row_id(segment, "customer's segment") for segment in segments}))


def _project_page(document: Json, name: str, project: Callable[[Json], Item]) -> ProjectedPage[Item]:
    """Reduce the rows of a page of a list without totals."""
    if document == []:
        return ProjectedPage(rows=(), ids=(), has_next=False)
    embedded = document.get("_embedded") if isinstance(document, dict) else None
    rows = [] if embedded == [] else embedded.get(name) if isinstance(embedded, dict) else None
    rows = as_list(rows) if rows else rows  # ``{}`` does not say that nothing is left
    if not isinstance(rows, list):
        raise InvalidRecord(f"the list has no '_embedded' with '{name}'")
    return ProjectedPage(
        rows=tuple(project(row) for row in rows),
        ids=tuple(row.get("id") for row in rows),
        has_next=_next_page(document.get("_links")) is not None,
    )


def _project_move(row: Json) -> StageMove | None:
    """Reduce an event; None if it is not a move of a customer, or cannot be used."""
    if row.get("type") != STAGE_CHANGED or row.get("entity_type", "customer") != "customer":
        return None
    customer_id, moved_at = parse_id(row.get("entity_id")), parse_unix_seconds(row.get("created_at"))
    if customer_id is None or customer_id >= FORGOTTEN_FROM or moved_at is None:
        return None
    return StageMove(
        customer_id=customer_id,
        moved_at=int(moved_at.timestamp()),
        from_stage_id=_stage_of(row.get("value_before")),
        to_stage_id=_stage_of(row.get("value_after")),
        user_id=parse_id(row.get("created_by")) or 0,
    )


def _project_deletion(row: Json) -> int | None:
    """Reduce an event to the id of a customer that was deleted; None for other events."""
    return parse_id(row.get("entity_id")) if row.get("type") == "customer_deleted" else None


def _stage_of(values: Json) -> int:
    """Return the stage of an event's value, or 0."""
    values = as_list(values)
    value = values[0] if isinstance(values, list) and values else None
    stage = value.get("customer_status") if isinstance(value, dict) else None
    return (parse_id(stage.get("id")) or 0) if isinstance(stage, dict) else 0


def _next_page(links: Json) -> int | None:
    """Return the page number of the link to the next page. Its host and path are never used."""
    link = links.get("next") if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else None
    if not isinstance(href, str):
        return None
    try:
        numbers = parse_qs(urlsplit(href).query).get("page", [])
    except ValueError:
        return None
    return int(numbers[-1]) if numbers and numbers[-1].isdecimal() and len(numbers[-1]) < 10 else None


def _number(value: Json) -> int | Decimal | None:
    """Return a number below ``MAX_NUMBER``; None for anything else."""
    if is_integer(value) or isinstance(value, Decimal):
        number = Decimal(value)
        return value if fits_numeric(number) and abs(number) < MAX_NUMBER else None
    return None
