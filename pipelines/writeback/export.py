"""Export a snapshot as the file of stages and segments.

A plan of that file against the same state is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Segment, Snapshot, Stage
from pipelines.base.timezone import stored_timezone
from pipelines.writeback.config_writer import format_desired
from pipelines.writeback.desired import DesiredConfig, DesiredSegment, DesiredStage
from pipelines.writeback.lookup import display_label
from pipelines.writeback.to_desired import segment_to_desired, stage_to_desired, values_to_desired, writable_name

DesiredT = TypeVar("DesiredT", DesiredStage, DesiredSegment)
Commented: TypeAlias = tuple[DesiredT, list[str]]
"""An entity with the comment sentences above it."""

FILE_NOTES: Final = (
    "What is not mentioned here stays unchanged. Deletions need 'delete: true' or 'complete'.",
    "The API cannot restore conditions, nor the customers and the id of a deleted stage or segment.",
)


def export_config(snapshot: Snapshot, *, account_key: str | None = None, with_ids: bool = True) -> str:
    """Format a file whose desired state is ``snapshot``.

    ``account_key`` binds the file to one account of the settings. Without ids, the file can be
    planned against another account; an id is still written if the name does not identify the
    entity.
    """
    stages = list(_stages(snapshot, with_ids=with_ids)) if snapshot.account.mode == "periodicity" else None
    segments = list(_segments(snapshot, with_ids=with_ids)) if snapshot.account.mode == "segments" else None
    comments: dict[tuple[EntityKind, int], list[str]] = {
        ("stage", position): comments for position, (_, comments) in enumerate(stages or ())
    }
    comments |= {("segment", position): comments for position, (_, comments) in enumerate(segments or ())}
    desired = DesiredConfig(
        source="export",
        account=account_key,
        stages=None if stages is None else tuple(stage for stage, _ in stages),
        segments=None if segments is None else tuple(segment for segment, _ in segments),
    )
    return format_desired(desired, heading=(_format_title(snapshot), *FILE_NOTES), comments=comments)


def _format_title(snapshot: Snapshot) -> str:
    account = snapshot.account
    subject = {"periodicity": "Customer stages", "segments": "Customer segments"}.get(account.mode, "Nothing")
    local = snapshot.observed_at.astimezone(stored_timezone(account.timezone))
    return f"{subject} of {account.name} (account {account.id}) as of {local.isoformat(timespec='seconds')}."


def _stages(snapshot: Snapshot, *, with_ids: bool) -> Iterator[Commented[DesiredStage]]:
    """Yield the stages with comments on what a file cannot set."""
    ids_to_write = _ids_to_write(snapshot.stages, with_ids=with_ids)
    for stage in snapshot.stages:
        comments = (
            ["A system stage: it can be changed, not deleted, and amoCRM adds it itself."] if stage.is_default else []
        )
        if stage.rules:
            comments.append(f"It has {len(stage.rules)} rule(s), which only amoCRM's interface can set.")
        yield stage_to_desired(stage, thing_id=ids_to_write.get(stage.id)), comments


def _segments(snapshot: Snapshot, *, with_ids: bool) -> Iterator[Commented[DesiredSegment]]:
    """Yield the segments with comments on their sizes and on values left out."""
    ids_to_write = _ids_to_write(snapshot.segments, with_ids=with_ids)
    zone = stored_timezone(snapshot.account.timezone)
    for segment in snapshot.segments:
        comments = [] if segment.customers_count is None else [f"{segment.customers_count} customers."]
        values = []
        for field, value in values_to_desired(snapshot.fields, segment.field_values, zone):
            if value is not None:
                values.append(value)
            else:
                comments.append(
                    f"Left out: the value of the field '{display_label(field)}' (id {field.id}) cannot be written here."
                )
        yield segment_to_desired(segment, values, thing_id=ids_to_write.get(segment.id)), comments


def _ids_to_write(entities: Sequence[Stage] | Sequence[Segment], *, with_ids: bool) -> dict[int, int]:
    """Select the ids to write: all, or those of entities that their name does not identify."""
    names = Counter(writable_name(entity.name) for entity in entities)
    return {
        entity.id: entity.id
        for entity in entities
        if with_ids or writable_name(entity.name) is None or names[entity.name] > 1
    }
