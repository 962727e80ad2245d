"""Behaviour of the list of events: its filters, its kinds of events, and the age of the oldest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelines.amocrm.models import Json
from pipelines.probe.customers import CUSTOMERS, FAR_FUTURE
from pipelines.probe.finding import UNKNOWN, Finding
from pipelines.probe.lists import ProbedList, first_page, probe_list
from pipelines.probe.reader import ProbeReader

EVENTS: Final = ProbedList(
    name="events",
    path="/api/v4/events",
    max_limit=100,
    has_entities=False,
    expected_orders=("by created_at, descending",),
)
KINDS: Final = ("customer_status_changed", "customer_deleted", "customer_added")
AGES_IN_DAYS: Final = (1, 7, 30, 60, 90, 180, 365, 730, 1_460)
DAY_SECONDS: Final = 86_400


def probe_events(reader: ProbeReader) -> Iterator[Finding]:
    """Yield the findings of the list of events."""
    page, limit = first_page(reader, EVENTS)
    if not page.is_usable:
        yield _finding("access", page.describe(), "200 with rows", "204")
        return
    yield from probe_list(reader, EVENTS, page, limit)
    if not page.rows:
        return
    future = reader.get(EVENTS.path, {"limit": 1, "filter[created_at][from]": FAR_FUTURE})
    yield _finding("filter by time", "ignored" if future.rows else "heeded", "heeded")
    latest = {kind: _latest(reader, kind) for kind in KINDS}
    yield _finding("filter by type", _type_filter(latest), "heeded")
    for kind, event in latest.items():
        yield _finding(kind, "none" if event is None else "seen")
    yield _finding("made by automation", _automation(page.rows))
    yield _finding("oldest event", "cannot tell: the filter is ignored" if future.rows else _oldest(reader))
    yield _finding("updated_at after a move", _is_touched(reader, latest["customer_status_changed"]))
    yield _finding("a deleted customer by id", _deleted(reader, latest["customer_deleted"]), "204", "200 is_deleted")


def _finding(name: str, observed: str, *expected: str) -> Finding:
    return Finding(subject="events", name=name, observed=observed, expected=expected)


def _latest(reader: ProbeReader, kind: str) -> dict[str, Json] | None:
    """Return the latest event that a filter by type selects."""
    rows = reader.get(EVENTS.path, {"limit": 1, "filter[type]": kind}).rows
    return rows[0] if rows else None


def _type_filter(latest: dict[str, dict[str, Json] | None]) -> str:
    """Find out whether a filter by type selects events of that type only."""
    shown = [(kind, event["type"]) for kind, event in latest.items() if event is not None and "type" in event]
    if not shown:
        return UNKNOWN
    return "heeded" if all(kind == found for kind, found in shown) else "ignored"


def _automation(rows: list[dict[str, Json]]) -> str:
    moves = [row.get("created_by") for row in rows if row.get("type") == "customer_status_changed"]
    if not moves:
        return UNKNOWN
    return "seen, as user 0" if 0 in moves else "none among the latest"


def _oldest(reader: ProbeReader) -> str:
    """Find out how old the oldest event is, in steps."""
    now = int(reader.clock.now().timestamp())
    known = 0
    for days in AGES_IN_DAYS:
        if not reader.get(EVENTS.path, {"limit": 1, "filter[created_at][to]": now - days * DAY_SECONDS}).rows:
            return f"between {known} and {days:,} days old"
        known = days
    return f"over {known:,} days old"


def _is_touched(reader: ProbeReader, event: dict[str, Json] | None) -> str:
    """Find out whether the last move of a customer changed its ``updated_at``."""
    customer = _customer(reader, event)
    updated_at, moved_at = (customer or {}).get("updated_at"), (event or {}).get("created_at")
    if not isinstance(updated_at, int) or not isinstance(moved_at, int):
        return UNKNOWN
    return "moves" if updated_at >= moved_at else "stays"


def _deleted(reader: ProbeReader, event: dict[str, Json] | None) -> str:
    if event is None or event.get("type") != "customer_deleted":
        return UNKNOWN
    reading = reader.get(f"{CUSTOMERS.path}/{_id_of(event)}")
    is_marked = isinstance(reading.document, dict) and reading.document.get("is_deleted") is True
    return "200 is_deleted" if is_marked else str(reading.status)


def _customer(reader: ProbeReader, event: dict[str, Json] | None) -> dict[str, Json] | None:
    if event is None or event.get("type") != "customer_status_changed":
        return None
    document = reader.get(f"{CUSTOMERS.path}/{_id_of(event)}").document
    return document if isinstance(document, dict) else None


def _id_of(event: dict[str, Json]) -> int:
    """Return the customer of an event; an unknown id if it has none."""
    entity_id = event.get("entity_id")
    return entity_id if isinstance(entity_id, int) else 0
