"""What reading the rows of segments gave, by a digest of each, so that a row that is the same is not read again.

Reading a row is a pure function of the row, its account, the account's timezone and the code that reads: what is
remembered of one account and one code stays true. Only a newer timezone database is not noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TypeAlias

from pipelines.amocrm import moments
from pipelines.amocrm.oddities import Notes
from pipelines.amocrm.paging import Row
from pipelines.amocrm.records import Oddity, Segment, UnreadSegment
from pipelines.amocrm.rows import INT_64
from pipelines.amocrm.things import Reading, read_segment

PASSING = ("customers_count", "updated_at")
"""What of a segment's row may change without the row being read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadBefore:
    """What reading a row gave, as far as a snapshot needs it of a segment that did not change."""

    content_hash: bytes
    oddities: tuple[Oddity, ...]


Memory: TypeAlias = Mapping[bytes, ReadBefore]
"""Of one account and one code that reads, by the digest of the row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalled:
    """The segments of a list, and what the next load may recall of them."""

    read: tuple[Segment, ...]
    unread: tuple[UnreadSegment, ...]
    memory: Memory


def read_new_segments(rows: Mapping[int, Row], reading: Reading, memory: Memory) -> Recalled:
    """Read the rows that ``memory`` does not hold, and notice of all of them what is odd."""
    read: list[Segment] = []
    unread: list[UnreadSegment] = []
    remembered: dict[bytes, ReadBefore] = {}
    for segment_id, row in rows.items():
        digest = row_digest(row, reading.timezone.key)
        before = memory.get(digest) if digest else None
        if before is None:
            alone = Notes()
            segment = read_segment(row, reading.noting(alone))
            before = ReadBefore(content_hash=segment.content_hash, oddities=alone.all())
            read.append(segment)
        else:
            unread.append(
                UnreadSegment(
                    id=segment_id,
                    customers_count=row["customers_count"],
                    content_hash=before.content_hash,
                    read=partial(read_segment, row, reading.noting(Notes())),
                )
            )
        reading.notes.add_all(before.oddities)
        if digest:
            remembered[digest] = before
    return Recalled(read=tuple(read), unread=tuple(unread), memory=remembered)


def row_digest(row: Row, timezone: str) -> bytes | None:
    """SHA-256 of all that a segment's row says, what is ``PASSING`` aside; None where that is odd, and to be noted.

    Equal digests mean equal rows, down to types and digits of numbers. ``timezone`` is the account's.
    """
    size, updated_at = (row.get(key) for key in PASSING)
    if type(size) is not int or not 0 <= size in INT_64 or moments.unix_instant(updated_at) is None:
        return None
    lasting = {key: value for key, value in row.items() if key not in PASSING}
    return sha256(repr((timezone, lasting)).encode()).digest()
