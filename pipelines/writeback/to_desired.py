"""Convert current or past records to desired entities, for export and restore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from pipelines.amocrm.models import Field, FieldValue, Segment, Stage
from pipelines.writeback.desired import DesiredSegment, DesiredStage, DesiredValue, normalize_color
from pipelines.writeback.field_content import Unsupported, contents_by_field, to_text
from pipelines.writeback.lookup import field_reference


def stage_to_desired(stage: Stage, *, thing_id: int | None) -> DesiredStage:
    """Convert a stage with all its writable properties.

    Without ``thing_id``, its name identifies it.
    """
    return DesiredStage(
        id=thing_id, name=writable_name(stage.name), sort=stage.sort, color=normalize_color("stage", stage.color)
    )


def segment_to_desired(segment: Segment, values: Sequence[DesiredValue], *, thing_id: int | None) -> DesiredSegment:
    """Convert a segment with all its writable properties and these field values."""
    return DesiredSegment(
        id=thing_id,
        name=writable_name(segment.name),
        color=normalize_color("segment", segment.color),
        price_field_ids=segment.price_field_ids,
        values=tuple(values),
    )


def values_to_desired(
    fields: Sequence[Field], values: Sequence[FieldValue], zone: ZoneInfo
) -> Iterator[tuple[Field, DesiredValue | None]]:
    """Yield the desired value of each field that is not empty; None if its content is ``Unsupported``."""
    for field, content in contents_by_field(fields, values):
        if isinstance(content, Unsupported):
            yield field, None
        elif content is not None:
            yield field, DesiredValue(field=field_reference(fields, field), value=to_text(field, content, zone))


def writable_name(name: str | None) -> str | None:
    """Return the name; None if it is blank, which amoCRM rejects."""
    return name if name and name.strip() else None
