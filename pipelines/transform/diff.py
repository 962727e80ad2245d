"""What a snapshot changes: stored state and what was seen in, intents out.

Pure: nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from pipelines.amocrm.models import Anomaly, Field, Option, Segment, Snapshot, Stage, UnparsedSegment
from pipelines.base.errors import UnprovenEnding

EndReason: TypeAlias = Literal["changed", "deleted", "mode_off"]
OptionKey: TypeAlias = tuple[int, int]
"""(field id, option id)"""


class Hashed(Protocol):
    """A record whose state is known by a hash."""

    @property
    def content_hash(self) -> bytes:
        """Equal for equal states."""
        ...


Key = TypeVar("Key", bound=Hashable)
Entity = TypeVar("Entity", bound=Hashed)


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentSegment:
    """A segment as the newest snapshot saw it."""

    content_hash: bytes
    customers_count: int | None
    valid_from: datetime  # of its open version


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredState:
    """What the warehouse holds open for one account: all that a decision needs to know of the past."""

    observed_at: datetime | None = None  # of the newest snapshot; None before the first
    observed_date: date | None = None
    stages: Mapping[int, bytes] = field(default_factory=dict)  # content hashes of open versions
    fields: Mapping[int, bytes] = field(default_factory=dict)
    options: Mapping[OptionKey, bytes] = field(default_factory=dict)
    segments: Mapping[int, CurrentSegment] = field(default_factory=dict)
    anomalies: frozenset[Anomaly] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityDiff(Generic[Key, Entity]):
    """Versions to open and versions to close, for one sort of thing. A changed thing is in both."""

    opened: Mapping[Key, Entity]
    closed: Mapping[Key, EndReason]


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotDiff:
    """All that publishing a snapshot has to write, its ledger row aside."""

    stages: EntityDiff[int, Stage]
    fields: EntityDiff[int, Field]
    options: EntityDiff[OptionKey, Option]
    segments: EntityDiff[int, Segment]
    sizes: Mapping[int, int | None]  # new size by segment, None once it is gone
    current: Mapping[int, CurrentSegment]  # segments whose newest state differs from the stored one
    days: Mapping[int, int | None]  # sizes to enter into the day's rows
    opened_anomalies: frozenset[Anomaly]  # oddities that begin
    resolved_anomalies: frozenset[Anomaly]  # oddities that are over

    @property
    def opened_count(self) -> int:
        """Versions to open, of all things together."""
        return sum(len(d.opened) for d in (self.stages, self.fields, self.options, self.segments))

    @property
    def closed_count(self) -> int:
        """Versions to close, of all things together."""
        return sum(len(d.closed) for d in (self.stages, self.fields, self.options, self.segments))


def diff_snapshot(stored: StoredState, snapshot: Snapshot, *, observed_date: date) -> SnapshotDiff:
    """What to write so that the open versions are exactly what ``seen`` shows.

    ``observed_date`` is the snapshot's day in the account's timezone. Raises ``UnprovenEnding`` when a stored thing is
    missing although its mode is on and the API did not confirm that it is gone.
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
        segments=EntityDiff(
            opened={segment_id: fully_parsed(segment) for segment_id, segment in segment_changes.opened.items()},
            closed=segment_changes.closed,
        ),
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


def all_segments(snapshot: Snapshot) -> list[Segment | UnparsedSegment]:
    """All segments of a snapshot, read or not, by their ids."""
    return sorted((*snapshot.segments, *snapshot.unparsed_segments), key=attrgetter("id"))


def fully_parsed(segment: Segment | UnparsedSegment) -> Segment:
    """A segment with all that its row says.

    Nearly none that is unread is asked for: what it says is open already.
    """
    return segment.read() if isinstance(segment, UnparsedSegment) else segment


def diff_entities(
    thing: str,
    stored: Mapping[Key, bytes],
    snapshot: Mapping[Key, Entity],
    *,
    gone: Collection[Key],
    is_mode_on: bool,
) -> EntityDiff[Key, Entity]:
    """Compare content hashes: what to open, what to close and why.

    A thing that is missing ends as ``mode_off`` when its mode is off, as ``deleted`` when it is in ``gone``, and is an
    ``UnprovenEnding`` otherwise.
    """
    missing = stored.keys() - snapshot.keys()
    unproven = missing - set(gone) if is_mode_on else set()
    if unproven:
        raise UnprovenEnding(
            f"{len(unproven)} {thing}(s) are open in the warehouse and missing from the snapshot, "
            f"and the API was not asked for them: {sorted(map(str, unproven))[:5]}."
        )
    opened = {key: record for key, record in snapshot.items() if stored.get(key) != record.content_hash}
    closed: dict[Key, EndReason] = {key: "changed" for key in opened if key in stored}
    closed |= dict.fromkeys(missing, "deleted" if is_mode_on else "mode_off")
    return EntityDiff(opened=opened, closed=closed)


def size_changes(
    stored: Mapping[int, CurrentSegment], snapshot: Mapping[int, Segment | UnparsedSegment]
) -> dict[int, int | None]:
    """Sizes that differ from the newest stored ones; a segment that is not there has none."""
    stored_sizes = {segment_id: current.customers_count for segment_id, current in stored.items()}
    current_sizes = {segment_id: segment.customers_count for segment_id, segment in snapshot.items()}
    return {
        segment_id: current_sizes.get(segment_id)
        for segment_id in sorted(stored_sizes.keys() | current_sizes.keys())
        if stored_sizes.get(segment_id) != current_sizes.get(segment_id)
    }
