"""What was, brought back: the past as what is wanted now, with what no call can bring back said before any is made.

Only what the past had is wanted; what came later stays. A thing that is gone is added anew, as successor of its old id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Field, FieldValue, Segment, Snapshot, Stage
from pipelines.errors import PlanError
from pipelines.manage import rules
from pipelines.manage.desired import Desired, DesiredSegment, DesiredStage, DesiredValue, color
from pipelines.manage.nodes import Text
from pipelines.manage.portray import portray_segment, portray_stage, portray_values, usable_name
from pipelines.manage.references import field_name, label
from pipelines.manage.spelling import spelled_text
from pipelines.manage.successors import Successors, Target, find_targets
from pipelines.wording import listed

Thing = TypeVar("Thing", Stage, Segment)
Wanted = TypeVar("Wanted", DesiredStage, DesiredSegment)

MOST_NAMES: Final = 3
"""Things that a warning names; where it is about more, they are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What to plan, and what a person has to know before: sentences about what is not brought back."""

    desired: Desired
    warnings: tuple[str, ...]


def restore(
    live: Snapshot,
    past: Snapshot,
    *,
    stage_ids: Collection[int] | None = None,
    segment_ids: Collection[int] | None = None,
    successors: Successors | None = None,
) -> Restored:
    """The past of an account as what is wanted of it now; where ids are given, of those things alone.

    ``past`` is a snapshot, or a state rebuilt from history, with the ids of its time; ``successors`` is what earlier
    restorations recorded. Raises ``PlanError`` where the past is of another account or mode, or lacks what is asked.

    After a lost answer restore again instead of planning the same again: a successor that was added, yet not recorded,
    is looked for here only.
    """
    when = past.observed_at.astimezone(ZoneInfo(live.account.timezone)).isoformat(timespec="seconds")
    source = f"the history of {when}"
    _refuse_strangers(live, past, {"stage": stage_ids or (), "segment": segment_ids or ()}, source)
    is_all = stage_ids is None and segment_ids is None
    stages = [stage for stage in past.stages if is_all or stage.id in (stage_ids or ())]
    segments = [segment for segment in past.segments if is_all or segment.id in (segment_ids or ())]
    work = _Restoration(live, past, successors or {})
    desired = Desired(source=source, stages=tuple(work.stages(stages)), segments=tuple(work.segments(segments)))
    return Restored(desired=desired, warnings=work.warnings())


def _refuse_strangers(live: Snapshot, past: Snapshot, chosen: Mapping[Kind, Collection[int]], source: str) -> None:
    mistakes = []
    if live.account.id != past.account.id:
        mistakes.append(f"it is of the account {past.account.id}, and this is the account {live.account.id}.")
    if live.account.mode != past.account.mode:
        mistakes.append(
            f"the customers mode was {past.account.mode}, and is {live.account.mode} now: switch it back first."
        )
    had = {"stage": {stage.id for stage in past.stages}, "segment": {segment.id for segment in past.segments}}
    for kind, ids in chosen.items():
        mistakes += [f"there was no {kind} with the id {thing_id}." for thing_id in sorted(set(ids) - had[kind])]
    if mistakes:
        raise PlanError(mistakes, source=source, advice="Nothing was sent. Choose another time, or other ids.")


class _Restoration:
    """Makes wants of the past, and gathers warnings: what is wrong, with the things it is wrong of."""

    def __init__(self, live: Snapshot, past: Snapshot, successors: Successors) -> None:
        self._live = live
        self._past = past
        self._successors = successors
        self._zone = ZoneInfo(live.account.timezone)
        self._warnings: dict[str, list[str]] = {}

    def warnings(self) -> tuple[str, ...]:
        """Each warning once, beginning with the things that it is about."""
        return tuple(f"{listed(things, MOST_NAMES)}: {what}." for what, things in self._warnings.items())

    def stages(self, chosen: Sequence[Stage]) -> Iterator[DesiredStage]:
        """The chosen stages, but those that cannot be brought back."""
        targets = find_targets("stage", self._past.stages, self._live.stages, self._successors)
        live = {stage.id: stage for stage in self._live.stages}
        for stage in chosen:
            target = targets[stage.id]
            now = None if target.id is None else live[target.id]
            if now is None and (stage.is_default or stage.sort is None):
                reason = "a system stage, which amoCRM adds itself" if stage.is_default else "it had no usable place"
                self._warn("stage", stage, f"is not brought back: {reason}")
            elif self._is_clear("stage", stage, target):
                if now is None:
                    rules_lost = f", and without its {len(stage.rules)} rule(s)" if stage.rules else ""
                    self._warn("stage", stage, f"comes back with a new id, without its customers{rules_lost}")
                elif now.rules != stage.rules:
                    self._warn("stage", stage, "has other rules now; only amoCRM's interface can set them")
                yield self._finish("stage", portray_stage(stage, thing_id=target.id), stage, now)

    def segments(self, chosen: Sequence[Segment]) -> Iterator[DesiredSegment]:
        """The chosen segments, but those that cannot be brought back."""
        targets = find_targets("segment", self._past.segments, self._live.segments, self._successors)
        live = {segment.id: segment for segment in self._live.segments}
        for segment in chosen:
            target = targets[segment.id]
            if self._is_clear("segment", segment, target):
                now = None if target.id is None else live[target.id]
                if now is None:
                    members = (
                        "its customers"
                        if segment.customers_count is None
                        else f"its {segment.customers_count} customers"
                    )
                    self._warn("segment", segment, f"comes back with a new id, without {members} and its conditions")
                values = [*self._values(segment), *(self._emptied(segment, now) if now else ())]
                wanted = portray_segment(segment, values, thing_id=target.id)
                yield self._finish("segment", wanted, segment, now)

    def _is_clear(self, kind: Kind, thing: Stage | Segment, target: Target) -> bool:
        """Whether it can be told what the thing is today, and it can be made anew where it is nothing."""
        if target.rivals:
            ids = " or ".join(f"id {rival}" for rival in target.rivals)
            reason = f"nobody can tell whether {ids}, of the same name, took its place; rename what did not"
            self._warn(kind, thing, f"is not brought back: {reason}")
        elif target.id is None and usable_name(thing.name) is None:
            self._warn(kind, thing, "is not brought back: it is gone, and it had no name")
        else:
            if target.is_by_name:
                self._warn(kind, thing, f"is gone; id {target.id} has its name now and is taken for it")
            return True
        return False

    def _finish(self, kind: Kind, wanted: Wanted, then: Stage | Segment, now: Stage | Segment | None) -> Wanted:
        """Mark what is added as a successor, and leave out a colour that cannot be written."""
        wanted = replace(wanted, replaces=None if now else then.id)
        is_kept = now is not None and color(kind, now.color) == wanted.color
        if wanted.color is None or is_kept or rules.wrong_color(kind, wanted.color) is None:
            return wanted
        self._warn(kind, then, f"the colour {wanted.color} is none that amoCRM offers, and is left out")
        return replace(wanted, color=None)

    def _values(self, segment: Segment) -> Iterator[DesiredValue]:
        """What the segment's fields held, as far as they can hold it now."""
        kept = [value for value in segment.field_values if self._is_there(segment, value)]
        for field, value in portray_values(self._live.fields, kept, self._zone):
            if value is None:
                self._warn(
                    "segment", segment, f"what the field {_called(field)} held cannot be written, and is left out"
                )
            else:
                yield value

    def _is_there(self, segment: Segment, value: FieldValue) -> bool:
        """Whether the field of a value, and the option that it chose, are still there."""
        fields = {field.id: field for field in self._live.fields}
        field = fields.get(value.field_id)
        if field is None:
            before = next((field for field in self._past.fields if field.id == value.field_id), None)
            called = _called(before) if before else f"id {value.field_id}"
            self._warn("segment", segment, f"the field {called} is gone, and what it held is left out")
            return False
        if value.option_id is None or value.option_id in {option.id for option in field.options}:
            return True
        self._warn(
            "segment",
            segment,
            f"an option of the field {_called(field)} is gone (id {value.option_id}), and is left out",
        )
        return False

    def _emptied(self, segment: Segment, now: Segment) -> Iterator[DesiredValue]:
        """Fields to empty: they were there and held nothing. What fields that came later hold stays."""
        empty = {field.id for field in self._past.fields} - {value.field_id for value in segment.field_values}
        filled = {value.field_id for value in now.field_values}
        for field in self._live.fields:
            if field.id in empty & filled:
                yield DesiredValue(field=field_name(self._live.fields, field), value=Text(text="null"))

    def _warn(self, kind: Kind, thing: Stage | Segment, what: str) -> None:
        name = "without a name" if thing.name is None else spelled_text(thing.name)
        self._warnings.setdefault(what, []).append(f"{kind} {name} (id {thing.id})")


def _called(field: Field) -> str:
    return f"{spelled_text(label(field) or '')} (id {field.id})"
