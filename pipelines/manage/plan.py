"""What is, and what is wanted, in; the calls that lead from one to the other out. Pure: nothing is sent here.

The calls are as few as the API allows: one for all new stages, one for each new segment, one for each thing that
changes or goes. Changes come first, then additions, then deletions, so that nothing is lost before the rest is there;
only as many deletions as the page's limits ask for come before an addition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Json, Snapshot
from pipelines.manage import rules
from pipelines.manage.calls import Call, Change, Plan
from pipelines.manage.compare import FIELDS, Comparison, SegmentComparison, StageComparison
from pipelines.manage.desired import Desired
from pipelines.manage.identify import Live, Wanted, identify
from pipelines.manage.mistakes import Mistakes
from pipelines.manage.values import is_emptying

_RESOURCES: Final[dict[Kind, Literal["stages", "segments"]]] = {"stage": "stages", "segment": "segments"}


def make_plan(
    live: Snapshot, desired: Desired, *, account_key: str | None = None, is_admin: bool | None = None
) -> Plan:
    """The calls that make the account as ``desired``; none where it is so already.

    ``live`` is the account as it is now. ``account_key`` is its key in the settings, which ``desired`` may name;
    ``is_admin`` whether the token's user is an administrator, None where that is not known. Raises ``PlanError`` with
    everything that is wrong: nothing breaks a rule of the vendor's page at any step of a plan.
    """
    mistakes = Mistakes(desired.source)
    notes: list[str] = []
    rules.check_account(live, desired, account_key=account_key, is_admin=is_admin, mistakes=mistakes)
    calls: list[Call] = []
    if live.account.mode == rules.MODE_OF["stage"]:
        stages = StageComparison(desired.source, mistakes)
        changes = list(
            _changes(stages, desired.stages or (), live.stages, is_complete="stage" in desired.complete, notes=notes)
        )
        calls += _ordered("stage", changes, len(live.stages), mistakes, notes)
    if live.account.mode == rules.MODE_OF["segment"]:
        segments = SegmentComparison(desired.source, mistakes, live.fields, ZoneInfo(live.account.timezone))
        changes = list(
            _changes(
                segments, desired.segments or (), live.segments, is_complete="segment" in desired.complete, notes=notes
            )
        )
        calls += _ordered("segment", changes, len(live.segments), mistakes, notes)
    mistakes.raise_any()
    notes[:0] = _warnings(calls, is_admin=is_admin)
    return Plan(account=live.account, source=desired.source, calls=tuple(calls), notes=tuple(notes))


def _changes(
    compare: Comparison[Wanted, Live],
    wanted: Sequence[Wanted],
    live: Sequence[Live],
    *,
    is_complete: bool,
    notes: list[str],
) -> Iterator[Change]:
    """What has to happen to each thing that is wanted, and to each that is not, where the list is complete."""
    listed = set()
    for one, thing in identify(compare.kind, wanted, live, compare.mistakes):
        if thing is not None:
            listed.add(thing.id)
        if one.is_deleted and thing is None:
            notes.append(f"There is no {compare.kind} {one.shown}, so there is nothing to delete.")
        elif one.is_deleted and thing is not None:
            yield compare.deletion(thing, one)
        elif thing is None:
            yield compare.addition(one)
        elif change := compare.change(one, thing):
            yield change
    if is_complete:
        unlisted = [thing for thing in live if thing.id not in listed]
        yield from (compare.deletion(thing) for thing in unlisted if compare.undeletable(thing) is None)


def _ordered(
    kind: Kind, changes: Sequence[Change], present: int, mistakes: Mistakes, notes: list[str]
) -> Iterator[Call]:
    """The calls for all changes of one kind, such that there are never more things than the page allows."""
    added = [change for change in changes if change.action == "add"]
    deletions = deque(change for change in changes if change.action == "delete")
    if wrong := rules.too_many(kind, present=present, added=len(added), deleted=len(deletions)):
        mistakes.add(wrong)
        return
    yield from (_call(kind, [change]) for change in changes if change.action == "change")
    room = rules.MOST[kind] - present
    if (first := len(added) - room) > 0:
        notes.append(f"{first} deletion(s) come before additions, since amoCRM allows {rules.MOST[kind]} {kind}s.")
    for batch in _batches(kind, added):
        while room < len(batch):
            yield _call(kind, [deletions.popleft()])
            room += 1
        yield _call(kind, batch)
        room -= len(batch)
    yield from (_call(kind, [change]) for change in deletions)


def _batches(kind: Kind, added: Sequence[Change]) -> Iterable[Sequence[Change]]:
    """What is added by one POST: a list of stages, each with a ``request_id``; one segment."""
    if kind == "segment":
        return [[change] for change in added]
    return [[replace(change, request_id=str(number)) for number, change in enumerate(added, 1)]] if added else []


def _call(kind: Kind, changes: Sequence[Change]) -> Call:
    action = changes[0].action
    bodies = [_body(change) for change in changes]
    return Call(
        method="POST" if action == "add" else "PATCH" if action == "change" else "DELETE",
        resource=_RESOURCES[kind],
        thing_id=changes[0].thing_id,
        body=None if action == "delete" else bodies if (kind, action) == ("stage", "add") else bodies[0],
        changes=tuple(changes),
    )


def _body(change: Change) -> dict[str, Json]:
    body = {edit.property: edit.sent for edit in change.edits if edit.property != FIELDS}
    if items := [edit.sent for edit in change.edits if edit.property == FIELDS]:
        body[FIELDS] = items
    return body | ({"request_id": change.request_id} if change.request_id else {})


def _warnings(calls: Sequence[Call], *, is_admin: bool | None) -> Iterator[str]:
    """What a person has to know of these calls, whatever is wanted."""
    done = {(change.kind, change.action) for call in calls for change in call.changes}
    if calls and is_admin is None:
        yield (
            "It is not known whether the token's user is an administrator; if not, amoCRM refuses the first call "
            "and nothing changes."
        )
    if done & {("stage", "add"), ("segment", "add")}:
        yield "What is new comes without conditions: the API cannot set them, so do it in amoCRM."
    if ("segment", "delete") in done:
        yield "A deleted segment never comes back with its id, its customers or its conditions."
    if ("stage", "delete") in done:
        yield "Customers of a deleted stage move to other stages by their conditions, some time later."
    if any(is_emptying(item) for call in calls if isinstance(call.body, dict) for item in call.body.get(FIELDS, ())):
        yield (
            "Fields are emptied by 'values: null', as the vendor's own client does; the vendor's page does not say how."
        )
