"""Convert a past snapshot to a desired state, with warnings about what cannot be restored.

Entities that were added later stay. A deleted entity is added again, as the successor of its old
id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Field, FieldValue, Segment, Snapshot, Stage
from pipelines.base.errors import PlanError
from pipelines.base.text import join_names
from pipelines.writeback import validation
from pipelines.writeback.desired import DesiredConfig, DesiredSegment, DesiredStage, DesiredValue, normalize_color
from pipelines.writeback.lookup import display_label, field_reference
from pipelines.writeback.successors import RestoreTarget, Successors, find_targets
from pipelines.writeback.to_desired import segment_to_desired, stage_to_desired, values_to_desired, writable_name
from pipelines.writeback.yaml_nodes import YamlText
from pipelines.writeback.yaml_scalars import quote_text

EntityT = TypeVar("EntityT", Stage, Segment)
DesiredT = TypeVar("DesiredT", DesiredStage, DesiredSegment)

MAX_NAMES: Final = 3
"""Entities that a warning names; it gives the number of further ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreResult:
    """Desired state of a restore, and warnings about what is not restored."""

    desired: DesiredConfig
    warnings: tuple[str, ...]


def restore_desired(
    live: Snapshot,
    past: Snapshot,
    *,
    stage_ids: Collection[int] | None = None,
    segment_ids: Collection[int] | None = None,
    successors: Successors | None = None,
) -> RestoreResult:
    """Convert ``past`` to a desired state of the account: of all entities, or of the given ids.

    ``past`` is a snapshot or a state rebuilt from history, with the ids of its time; ``successors``
    are those recorded by earlier restores. Raises ``PlanError`` if the past is of another account
    or mode, or lacks one of the ids.

    After a lost response, call this again instead of reusing its result: only this function
    recognizes a successor that was added but not recorded.
    """
    local_time = past.observed_at.astimezone(ZoneInfo(live.account.timezone)).isoformat(timespec="seconds")
    source = f"the history of {local_time}"
    _check_restorable(live, past, {"stage": stage_ids or (), "segment": segment_ids or ()}, source)
    is_all = stage_ids is None and segment_ids is None
    stages = [stage for stage in past.stages if is_all or stage.id in (stage_ids or ())]
    segments = [segment for segment in past.segments if is_all or segment.id in (segment_ids or ())]
    builder = _RestoreBuilder(live, past, successors or {})
    desired = DesiredConfig(
        source=source, stages=tuple(builder.stages(stages)), segments=tuple(builder.segments(segments))
    )
    return RestoreResult(desired=desired, warnings=builder.warnings())


def _check_restorable(
    live: Snapshot, past: Snapshot, chosen: Mapping[EntityKind, Collection[int]], source: str
) -> None:
    """Raise ``PlanError`` if the past state is of another account or mode, or lacks a chosen entity."""
    problems = []
    if live.account.id != past.account.id:
        problems.append(f"it is of the account {past.account.id}, and this is the account {live.account.id}.")
    if live.account.mode != past.account.mode:
        problems.append(
            f"the customers mode was {past.account.mode}, and is {live.account.mode} now: switch it back first."
        )
    past_ids = {"stage": {stage.id for stage in past.stages}, "segment": {segment.id for segment in past.segments}}
    for kind, ids in chosen.items():
        problems += [f"there was no {kind} with the id {thing_id}." for thing_id in sorted(set(ids) - past_ids[kind])]
    if problems:
        raise PlanError(problems, source=source, advice="Nothing was sent. Choose another time, or other ids.")


class _RestoreBuilder:
    """Builder of desired entities from past ones. Collects warnings, grouped by text."""

    def __init__(self, live: Snapshot, past: Snapshot, successors: Successors) -> None:
        self._live = live
        self._past = past
        self._successors = successors
        self._zone = ZoneInfo(live.account.timezone)
        self._warnings: dict[str, list[str]] = {}

    def warnings(self) -> tuple[str, ...]:
        """Return each warning once, starting with its entities."""
        return tuple(f"{join_names(entities, MAX_NAMES)}: {warning}." for warning, entities in self._warnings.items())

    def stages(self, chosen: Sequence[Stage]) -> Iterator[DesiredStage]:
        """Yield the desired state of the chosen stages that can be restored."""
        targets = find_targets("stage", self._past.stages, self._live.stages, self._successors)
        live = {stage.id: stage for stage in self._live.stages}
        for stage in chosen:
            target = targets[stage.id]
            live_entity = None if target.id is None else live[target.id]
            if live_entity is None and (stage.is_default or stage.sort is None):
                reason = "a system stage, which amoCRM adds itself" if stage.is_default else "it had no usable place"
                self._warn("stage", stage, f"is not brought back: {reason}")
            elif self._is_restorable("stage", stage, target):
                if live_entity is None:
                    rules_lost = f", and without its {len(stage.rules)} rule(s)" if stage.rules else ""
                    self._warn("stage", stage, f"comes back with a new id, without its customers{rules_lost}")
                elif live_entity.rules != stage.rules:
                    self._warn("stage", stage, "has other rules now; only amoCRM's interface can set them")
                yield self._finalize("stage", stage_to_desired(stage, thing_id=target.id), stage, live_entity)

    def segments(self, chosen: Sequence[Segment]) -> Iterator[DesiredSegment]:
        """Yield the desired state of the chosen segments that can be restored."""
        targets = find_targets("segment", self._past.segments, self._live.segments, self._successors)
        live = {segment.id: segment for segment in self._live.segments}
        for segment in chosen:
            target = targets[segment.id]
            if self._is_restorable("segment", segment, target):
                live_entity = None if target.id is None else live[target.id]
                if live_entity is None:
                    members = (
                        "its customers"
                        if segment.customers_count is None
                        else f"its {segment.customers_count} customers"
                    )
                    self._warn("segment", segment, f"comes back with a new id, without {members} and its conditions")
                values = [*self._values(segment), *(self._fields_to_clear(segment, live_entity) if live_entity else ())]
                desired = segment_to_desired(segment, values, thing_id=target.id)
                yield self._finalize("segment", desired, segment, live_entity)

    def _is_restorable(self, kind: EntityKind, entity: Stage | Segment, target: RestoreTarget) -> bool:
        """Tell if the entity's current equivalent is unambiguous, or the entity can be added again."""
        if target.candidates:
            ids = " or ".join(f"id {candidate}" for candidate in target.candidates)
            reason = f"it is unclear whether {ids}, of the same name, replaced it; rename those that did not"
            self._warn(kind, entity, f"is not brought back: {reason}")
        elif target.id is None and writable_name(entity.name) is None:
            self._warn(kind, entity, "is not brought back: it is gone, and it had no name")
        else:
            if target.is_name_match:
                self._warn(kind, entity, f"is gone; id {target.id} has its name now and is used instead")
            return True
        return False

    def _finalize(
        self, kind: EntityKind, desired: DesiredT, past_entity: Stage | Segment, live_entity: Stage | Segment | None
    ) -> DesiredT:
        """Mark an added entity as a successor, and leave out a colour that cannot be written."""
        desired = replace(desired, replaces=None if live_entity else past_entity.id)
        is_kept = live_entity is not None and normalize_color(kind, live_entity.color) == desired.color
        if desired.color is None or is_kept or validation.color_problem(kind, desired.color) is None:
            return desired
        self._warn(kind, past_entity, f"amoCRM does not offer the colour {desired.color}, which is left out")
        return replace(desired, color=None)

    def _values(self, segment: Segment) -> Iterator[DesiredValue]:
        """Yield the past values of the segment's fields that can still be written."""
        restorable = [value for value in segment.field_values if self._still_exists(segment, value)]
        for field, value in values_to_desired(self._live.fields, restorable, self._zone):
            if value is None:
                self._warn(
                    "segment",
                    segment,
                    f"the value of the field {_label_with_id(field)} cannot be written, and is left out",
                )
            else:
                yield value

    def _still_exists(self, segment: Segment, value: FieldValue) -> bool:
        """Tell if a value's field and option still exist."""
        fields = {field.id: field for field in self._live.fields}
        field = fields.get(value.field_id)
        if field is None:
            past_field = next((field for field in self._past.fields if field.id == value.field_id), None)
            field_label = _label_with_id(past_field) if past_field else f"id {value.field_id}"
            self._warn("segment", segment, f"the field {field_label} is gone, and its value is left out")
            return False
        if value.option_id is None or value.option_id in {option.id for option in field.options}:
            return True
        self._warn(
            "segment",
            segment,
            f"an option of the field {_label_with_id(field)} is gone (id {value.option_id}), and is left out",
        )
        return False

    def _fields_to_clear(self, segment: Segment, live_entity: Segment) -> Iterator[DesiredValue]:
        """Yield fields to clear: those that existed and were empty.

        Fields added later keep their values.
        """
        empty = {field.id for field in self._past.fields} - {value.field_id for value in segment.field_values}
        filled = {value.field_id for value in live_entity.field_values}
        for field in self._live.fields:
            if field.id in empty & filled:
                yield DesiredValue(field=field_reference(self._live.fields, field), value=YamlText(text="null"))

    def _warn(self, kind: EntityKind, entity: Stage | Segment, warning: str) -> None:
        name = "without a name" if entity.name is None else quote_text(entity.name)
        self._warnings.setdefault(warning, []).append(f"{kind} {name} (id {entity.id})")


def _label_with_id(field: Field) -> str:
    return f"{quote_text(display_label(field) or '')} (id {field.id})"
