"""Records of what there is or was, as what is wanted: so that they can be written down or brought back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from pipelines.amocrm.records import Field, FieldValue, Segment, Stage
from pipelines.manage.desired import DesiredSegment, DesiredStage, DesiredValue, color
from pipelines.manage.references import field_name
from pipelines.manage.values import Unmanaged, content_of, written


def portray_stage(stage: Stage, *, thing_id: int | None) -> DesiredStage:
    """A stage with all that can be wanted of one; ``thing_id`` None: it is meant by its name."""
    return DesiredStage(id=thing_id, name=usable_name(stage.name), sort=stage.sort, color=color("stage", stage.color))


def portray_segment(segment: Segment, values: Sequence[DesiredValue], *, thing_id: int | None) -> DesiredSegment:
    """A segment with all that can be wanted of one, its fields holding ``values``."""
    return DesiredSegment(
        id=thing_id,
        name=usable_name(segment.name),
        color=color("segment", segment.color),
        price_field_ids=segment.price_field_ids,
        values=tuple(values),
    )


def portray_values(
    fields: Sequence[Field], values: Sequence[FieldValue], zone: ZoneInfo
) -> Iterator[tuple[Field, DesiredValue | None]]:
    """Of each field that holds something what it holds; None where that cannot be wanted (``Unmanaged``)."""
    for field in fields:
        content = content_of(field, [value for value in values if value.field_id == field.id])
        if isinstance(content, Unmanaged):
            yield field, None
        elif content is not None:
            yield field, DesiredValue(field=field_name(fields, field), value=written(field, content, zone))


def usable_name(name: str | None) -> str | None:
    """A name that can be written; None for one of nothing but blanks, which amoCRM would not take."""
    return name if name and name.strip() else None
