"""Diff of the stored state and a snapshot: a pure function that returns the changes to write."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from pipelines.amocrm.models import Anomaly, Field, Option, QuickSegment, Segment, Snapshot, Stage
from pipelines.base.errors import UnprovenEnding

EndReason: TypeAlias = Literal["changed", "deleted", "mode_off"]
OptionKey: TypeAlias = tuple[int, int]
"""(field id, option id)"""


class Hashed(Protocol):
    """Record with a content hash."""

    @property
    def content_hash(self) -> bytes:
        """Hash that is equal for equal states."""
        ...


Key = TypeVar("Key", bound=Hashable)
Entity = TypeVar("Entity", bound=Hashed)


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentSegment:
    """Segment as the latest snapshot shows it."""

    content_hash: bytes
    customers_count: int | None
    valid_from: datetime  # of its open version


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredState:
    """Open versions and anomalies of one account: what a diff needs to know of the past."""

    observed_at: datetime | None = None  # of the latest snapshot; None before the first
    observed_date: date | None = None
    stages: Mapping[int, bytes] = field(default_factory=dict)  # content hashes of open versions
    fields: Mapping[int, bytes] = field(default_factory=dict)
    options: Mapping[OptionKey, bytes] = field(default_factory=dict)
    segments: Mapping[int, CurrentSegment] = field(default_factory=dict)
    anomalies: frozenset[Anomaly] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityDiff(Generic[Key, Entity]):
    """Versions to open and to close for one kind of entity. A changed entity is in both."""

    opened: Mapping[Key, Entity]
    closed: Mapping[Key, EndReason]


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotDiff:
    """Everything that publishing a snapshot writes, except its ledger row."""

    stages: EntityDiff[int, Stage]
    fields: EntityDiff[int, Field]
    options: EntityDiff[OptionKey, Option]
    segments: EntityDiff[int, Segment | QuickSegment]
    sizes: Mapping[int, int | None]  # new size by segment; None if it is gone
    current: Mapping[int, CurrentSegment]  # segments whose latest state differs from the stored one
    days: Mapping[int, int | None]  # sizes for the day's rows
    opened_anomalies: frozenset[Anomaly]  # new anomalies
    resolved_anomalies: frozenset[Anomaly]  # anomalies that ended

    @property
    def opened_count(self) -> int:
        """Versions to open, of all entities."""
        return sum(len(d.opened) for d in (self.stages, self.fields, self.options, self.segments))

    @property
    def closed_count(self) -> int:
        """Versions to close, of all entities."""
        return sum(len(d.closed) for d in (self.stages, self.fields, self.options, self.segments))


def diff_snapshot(stored: StoredState, snapshot: Snapshot, *, observed_date: date) -> SnapshotDiff:
    """Return the changes that make the open versions equal to ``snapshot``.

    ``observed_date`` is the snapshot's day in the account's timezone. Raises ``UnprovenEnding`` if
    a stored entity is missing although its mode is on and the API did not confirm its deletion.
    """
    has_segments = snapshot.account.mode == "segments"
    segments = {segment.id: segment for segment in all_segments(snapshot)}
    segment_changes = diff_entities(
        "segment",
        {segment_id: current.content_hash for segment_id, current in stored.segments.items()},
        segments,
        gone=snapshot.gone_segment_ids,
        is_mode_on=has_segments,
    )
    sizes = size_changes(stored.segments, segments)
    is_first_of_day = stored.observed_date != observed_date
    return SnapshotDiff(
        stages=diff_entities(
            "stage",
            stored.stages,
            {stage.id: stage for stage in snapshot.stages},
            gone=snapshot.gone_stage_ids,
            is_mode_on=snapshot.account.mode == "periodicity",
        ),
        fields=diff_entities(
            "field",
            stored.fields,
            {item.id: item for item in snapshot.fields},
            gone=snapshot.gone_field_ids,
            is_mode_on=has_segments,
        ),
        options=diff_entities(
            "option",
            stored.options,
            {(item.id, option.id): option for item in snapshot.fields for option in item.options},
            gone={key for key in stored.options if key[0] in snapshot.gone_field_ids | snapshot.confirmed_field_ids},
            is_mode_on=has_segments,
        ),
        segments=segment_changes,
        sizes=sizes,
        current={
            segment.id: CurrentSegment(
                content_hash=segment.content_hash,
                customers_count=segment.customers_count,
                valid_from=snapshot.observed_at
                if segment.id in segment_changes.opened
                else stored.segments[segment.id].valid_from,
            )
            for segment in segments.values()
            if segment.id in segment_changes.opened or segment.id in sizes
        },
        days={
            segment.id: segment.customers_count
            for segment in segments.values()
            if is_first_of_day or segment.id in sizes or segment.id not in stored.segments
        },
        opened_anomalies=frozenset(snapshot.anomalies) - stored.anomalies,
        resolved_anomalies=stored.anomalies - frozenset(snapshot.anomalies),
    )


def all_segments(snapshot: Snapshot) -> list[Segment | QuickSegment]:
    """Return all segments of a snapshot, of both readers, sorted by id."""
    return sorted((*snapshot.segments, *snapshot.quick_segments), key=attrgetter("id"))


def diff_entities(
    thing: str,
    stored: Mapping[Key, bytes],
    snapshot: Mapping[Key, Entity],
    *,
    gone: Collection[Key],
    is_mode_on: bool,
) -> EntityDiff[Key, Entity]:
    """Compare content hashes; return versions to open, and to close with the reason.

    A missing entity ends as ``mode_off`` if its mode is off, as ``deleted`` if it is in ``gone``;
    otherwise raises ``UnprovenEnding``.
    """
    missing = stored.keys() - snapshot.keys()
    unproven = missing - set(gone) if is_mode_on else set()
    if unproven:
        raise UnprovenEnding(
            f"{len(unproven)} {thing}(s) are open in the warehouse and missing from the snapshot, "
            f"and the API did not confirm that they are deleted: {sorted(map(str, unproven))[:5]}."
        )
    opened = {key: record for key, record in snapshot.items() if stored.get(key) != record.content_hash}
    closed: dict[Key, EndReason] = {key: "changed" for key in opened if key in stored}
    closed |= dict.fromkeys(missing, "deleted" if is_mode_on else "mode_off")
    return EntityDiff(opened=opened, closed=closed)


def size_changes(
    stored: Mapping[int, CurrentSegment], snapshot: Mapping[int, Segment | QuickSegment]
) -> dict[int, int | None]:
    """Return sizes that differ from the latest stored ones; None for a missing segment."""
    stored_sizes = {segment_id: current.customers_count for segment_id, current in stored.items()}
    current_sizes = {segment_id: segment.customers_count for segment_id, segment in snapshot.items()}
    return {
        segment_id: current_sizes.get(segment_id)
        for segment_id in sorted(stored_sizes.keys() | current_sizes.keys())
        if stored_sizes.get(segment_id) != current_sizes.get(segment_id)
    }
