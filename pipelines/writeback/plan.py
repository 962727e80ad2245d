"""Plan the calls that lead from an account's current state to the desired state. Pure.

There are as few calls as the API allows: one for all new stages, one per new segment, one per
changed or deleted entity. Changes come first, then additions, then deletions, so that nothing is
lost before the rest has succeeded. A deletion comes before an addition only if the vendor's limits
require it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Json, Snapshot
from pipelines.writeback import validation
from pipelines.writeback.calls import Call, Plan, PlannedChange
from pipelines.writeback.compare import CUSTOM_FIELDS, Comparison, SegmentComparison, StageComparison
from pipelines.writeback.desired import DesiredConfig
from pipelines.writeback.field_content import is_clearing
from pipelines.writeback.matching import DesiredT, LiveT, match_entities
from pipelines.writeback.problems import Problems

_RESOURCES: Final[dict[EntityKind, Literal["stages", "segments"]]] = {"stage": "stages", "segment": "segments"}


def make_plan(
    live: Snapshot, desired: DesiredConfig, *, account_key: str | None = None, is_admin: bool | None = None
) -> Plan:
    """Plan the calls from ``live`` to ``desired``; none if the account has the desired state.

    ``account_key`` is the account's key in the settings, to which ``desired`` may be bound.
    ``is_admin`` tells if the token's user is an administrator; None if unknown. Raises
    ``PlanError`` with all problems. Every step of a plan complies with the rules of the vendor's
    page.
    """
    problems = Problems(desired.source)
    notes: list[str] = []
    validation.check_account(live, desired, account_key=account_key, is_admin=is_admin, problems=problems)
    calls: list[Call] = []
    if live.account.mode == validation.MODE_BY_KIND["stage"]:
        stages = StageComparison(desired.source, problems)
        changes = list(
            _plan_changes(
                stages, desired.stages or (), live.stages, is_complete="stage" in desired.complete, notes=notes
            )
        )
        calls += _order_calls("stage", changes, len(live.stages), problems, notes)
    if live.account.mode == validation.MODE_BY_KIND["segment"]:
        segments = SegmentComparison(desired.source, problems, live.fields, ZoneInfo(live.account.timezone))
        changes = list(
            _plan_changes(
                segments, desired.segments or (), live.segments, is_complete="segment" in desired.complete, notes=notes
            )
        )
        calls += _order_calls("segment", changes, len(live.segments), problems, notes)
    problems.raise_if_any()
    notes[:0] = _warn_about(calls, is_admin=is_admin)
    return Plan(account=live.account, source=desired.source, calls=tuple(calls), notes=tuple(notes))


def _plan_changes(
    comparison: Comparison[DesiredT, LiveT],
    desired_entities: Sequence[DesiredT],
    live: Sequence[LiveT],
    *,
    is_complete: bool,
    notes: list[str],
) -> Iterator[PlannedChange]:
    """Plan the change of each desired entity, and the deletion of each unlisted one if the list is complete."""
    matched_ids = set()
    for desired_entity, live_entity in match_entities(comparison.kind, desired_entities, live, comparison.problems):
        if live_entity is not None:
            matched_ids.add(live_entity.id)
        if desired_entity.is_deleted and live_entity is None:
            notes.append(f"There is no {comparison.kind} {desired_entity.label}, so there is nothing to delete.")
        elif desired_entity.is_deleted and live_entity is not None:
            yield comparison.deletion(live_entity, desired_entity)
        elif live_entity is None:
            yield comparison.addition(desired_entity)
        elif change := comparison.change(desired_entity, live_entity):
            yield change
    if is_complete:
        unlisted = [live_entity for live_entity in live if live_entity.id not in matched_ids]
        yield from (
            comparison.deletion(live_entity)
            for live_entity in unlisted
            if comparison.deletion_problem(live_entity) is None
        )


def _order_calls(
    kind: EntityKind, changes: Sequence[PlannedChange], present: int, problems: Problems, notes: list[str]
) -> Iterator[Call]:
    """Order the calls for all changes of one kind so that the account never exceeds the vendor's limits."""
    added = [change for change in changes if change.action == "add"]
    deletions = deque(change for change in changes if change.action == "delete")
    if problem := validation.limit_problem(kind, present=present, added=len(added), deleted=len(deletions)):
        problems.add(problem)
        return
    yield from (_build_call(kind, [change]) for change in changes if change.action == "change")
    free_slots = validation.MAX_ENTITIES[kind] - present
    if (early_count := len(added) - free_slots) > 0:
        notes.append(
            f"{early_count} deletion(s) come before additions, since amoCRM allows"
            f" {validation.MAX_ENTITIES[kind]} {kind}s."
        )
    for batch in _batch_additions(kind, added):
        while free_slots < len(batch):
            yield _build_call(kind, [deletions.popleft()])
            free_slots += 1
        yield _build_call(kind, batch)
        free_slots -= len(batch)
    yield from (_build_call(kind, [change]) for change in deletions)


def _batch_additions(kind: EntityKind, added: Sequence[PlannedChange]) -> Iterable[Sequence[PlannedChange]]:
    """Group additions by POST: all stages, each with a ``request_id``, in one; each segment in its own."""
    if kind == "segment":
        return [[change] for change in added]
    return [[replace(change, request_id=str(number)) for number, change in enumerate(added, 1)]] if added else []


def _build_call(kind: EntityKind, changes: Sequence[PlannedChange]) -> Call:
    """Build the API call for changes with the same action."""
    action = changes[0].action
    bodies = [_build_body(change) for change in changes]
    return Call(
        method="POST" if action == "add" else "PATCH" if action == "change" else "DELETE",
        resource=_RESOURCES[kind],
        thing_id=changes[0].thing_id,
        body=None if action == "delete" else bodies if (kind, action) == ("stage", "add") else bodies[0],
        changes=tuple(changes),
    )


def _build_body(change: PlannedChange) -> dict[str, Json]:
    body = {edit.property: edit.api_value for edit in change.edits if edit.property != CUSTOM_FIELDS}
    if items := [edit.api_value for edit in change.edits if edit.property == CUSTOM_FIELDS]:
        body[CUSTOM_FIELDS] = items
    return body | ({"request_id": change.request_id} if change.request_id else {})


def _warn_about(calls: Sequence[Call], *, is_admin: bool | None) -> Iterator[str]:
    """Yield notes about the limits of these calls."""
    actions = {(change.kind, change.action) for call in calls for change in call.changes}
    if calls and is_admin is None:
        yield (
            "It is unknown whether the token's user is an administrator; if not, amoCRM rejects the first call "
            "and nothing changes."
        )
    if actions & {("stage", "add"), ("segment", "add")}:
        yield "New stages and segments have no conditions: the API cannot set them, so add them in amoCRM."
    if ("segment", "delete") in actions:
        yield "A deleted segment never comes back with its id, its customers or its conditions."
    if ("stage", "delete") in actions:
        yield "Customers of a deleted stage move to other stages by their conditions, some time later."
    if any(
        is_clearing(item) for call in calls if isinstance(call.body, dict) for item in call.body.get(CUSTOM_FIELDS, ())
    ):
        yield ("Fields are emptied by 'values: null', as in the vendor's own client; amoCRM does not document it.")
