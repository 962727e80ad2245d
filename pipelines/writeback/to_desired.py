"""Records of what there is or was, as what is wanted: so that they can be written down or brought back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from pipelines.amocrm.models import Field, FieldValue, Segment, Stage
from pipelines.writeback.desired import DesiredSegment, DesiredStage, DesiredValue, normalize_color
from pipelines.writeback.field_content import Unsupported, content_from_values, to_text
from pipelines.writeback.lookup import field_reference


def stage_to_desired(stage: Stage, *, thing_id: int | None) -> DesiredStage:
    """A stage with all that can be wanted of one; ``thing_id`` None: it is meant by its name."""
    return DesiredStage(
        id=thing_id, name=writable_name(stage.name), sort=stage.sort, color=normalize_color("stage", stage.color)
    )


def segment_to_desired(segment: Segment, values: Sequence[DesiredValue], *, thing_id: int | None) -> DesiredSegment:
    """A segment with all that can be wanted of one, its fields holding ``values``."""
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
    """Of each field that holds something what it holds; None where that cannot be wanted (``Unmanaged``)."""
    for field in fields:
        content = content_from_values(field, [value for value in values if value.field_id == field.id])
        if isinstance(content, Unsupported):
            yield field, None
        elif content is not None:
            yield field, DesiredValue(field=field_reference(fields, field), value=to_text(field, content, zone))


def writable_name(name: str | None) -> str | None:
    """A name that can be written; None for one of nothing but blanks, which amoCRM would not take."""
    return name if name and name.strip() else None
