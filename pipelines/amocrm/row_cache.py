"""Cache of parsed segment rows by hash, so that an unchanged row is not parsed again.

Parsing is a pure function of the row, its account, the account's timezone and the parsing code, so
entries of one account and one code stay valid. Only a newer timezone database goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TypeAlias

from pipelines.amocrm import timestamps
from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.entities import ParseContext, parse_segment
from pipelines.amocrm.models import Anomaly, Segment, UnparsedSegment
from pipelines.amocrm.pagination import Row
from pipelines.amocrm.row_parser import INT64_RANGE

VOLATILE_KEYS = ("customers_count", "updated_at")
"""Keys of a segment's row that may change without a new parse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedRow:
    """Result of parsing a row, as far as a snapshot needs it for an unchanged segment."""

    content_hash: bytes
    anomalies: tuple[Anomaly, ...]


RowCache: TypeAlias = Mapping[bytes, CachedRow]
"""Cached rows of one account and one version of the code, by row hash."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheResult:
    """Segments of a list, and the cache for the next load."""

    read: tuple[Segment, ...]
    unparsed: tuple[UnparsedSegment, ...]
    cache: RowCache


def parse_uncached_segments(rows: Mapping[int, Row], context: ParseContext, cache: RowCache) -> CacheResult:
    """Parse the rows that the cache lacks, and report the anomalies of all."""
    read: list[Segment] = []
    unparsed: list[UnparsedSegment] = []
    updated_cache: dict[bytes, CachedRow] = {}
    for segment_id, row in rows.items():
        row_hash = hash_row(row, context.timezone.key)
        cached_row = cache.get(row_hash) if row_hash else None
        if cached_row is None:
            row_log = AnomalyLog()
            segment = parse_segment(row, context.with_anomaly_log(row_log))
            cached_row = CachedRow(content_hash=segment.content_hash, anomalies=row_log.all())
            read.append(segment)
        else:
            unparsed.append(
                UnparsedSegment(
                    id=segment_id,
                    customers_count=row["customers_count"],
                    content_hash=cached_row.content_hash,
                    read=partial(parse_segment, row, context.with_anomaly_log(AnomalyLog())),
                )
            )
        context.anomaly_log.add_all(cached_row.anomalies)
        if row_hash:
            updated_cache[row_hash] = cached_row
    return CacheResult(read=tuple(read), unparsed=tuple(unparsed), cache=updated_cache)


def hash_row(row: Row, timezone: str) -> bytes | None:
    """Hash a segment's row without ``VOLATILE_KEYS``; None if those are invalid and need a report.

    Equal hashes mean equal rows, down to types and digits of numbers. ``timezone`` is the
    account's.
    """
    customers_count, updated_at = (row.get(key) for key in VOLATILE_KEYS)
    if (
        type(customers_count) is not int
        or not 0 <= customers_count in INT64_RANGE
        or timestamps.parse_unix_seconds(updated_at) is None
    ):
        return None
    stable = {key: value for key, value in row.items() if key not in VOLATILE_KEYS}
    return sha256(repr((timezone, stable)).encode()).digest()
