"""Moves between stages that events name: those since the scan before, and a piece of the past with each scan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from pipelines.customers.checkpoint import Checkpoint
from pipelines.customers.events import BEGINNING, EventCoverage, EventReading
from pipelines.customers.reader import CustomerReader

SKEW: Final = timedelta(seconds=1)
"""Events of the current second may not be complete."""


def read_moves(reader: CustomerReader, checkpoint: Checkpoint, now: datetime) -> EventCoverage:
    """Read the moves since the scan before, then older ones that no scan has read yet, and store them.

    Each of the two ends after ``MAX_EVENT_PAGES``. The next scan goes on with the older ones.
    """
    earlier, until = checkpoint.events, now.replace(microsecond=0) - SKEW
    if checkpoint.previous is None or earlier.until == BEGINNING:
        first = _read(reader, checkpoint, BEGINNING, now)
        if first.complete_from is None and not first.is_readable:
            return EventCoverage(since=BEGINNING, until=BEGINNING, is_complete=False)
        since = until if first.complete_from is None else _instant(first.complete_from)
        return EventCoverage(since=since, until=until, is_complete=first.is_readable)
    start = min(checkpoint.previous, earlier.until)
    latest = _read(reader, checkpoint, start, now)
    is_complete = latest.complete_from is not None and _instant(latest.complete_from) <= start
    if not latest.is_readable and not is_complete:
        return EventCoverage(since=earlier.since, until=earlier.until, is_complete=False)
    since = earlier.since
    if since > BEGINNING and latest.complete_from is not None:
        older = _read(reader, checkpoint, BEGINNING, since - SKEW, is_piece=True)
        since = since if older.complete_from is None else _instant(older.complete_from)
    return EventCoverage(since=since, until=until, is_complete=is_complete)


def _read(
    reader: CustomerReader, checkpoint: Checkpoint, since: datetime, until: datetime, *, is_piece: bool = False
) -> EventReading:
    """Read the moves from ``since`` to ``until``, both inclusive, and store them."""
    first, last = int(since.timestamp()), int(until.timestamp())
    reading = EventReading(kind="customer_status_changed", since=first, until=last, is_piece=is_piece)
    sent_at = reader.clock.now()
    for moves in reader.read_moves(reading):
        rows = [move for move in moves if first <= move.moved_at <= last]
        checkpoint.add("moves", rows, sent_at, reader.clock.now())
    return reading


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
