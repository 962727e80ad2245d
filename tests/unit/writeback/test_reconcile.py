"""Outcome of a call with a lost response, from the account's state."""

from __future__ import annotations

from uuid import UUID

import pytest

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Mode, Snapshot
from pipelines.writeback.calls import ChangeAction
from pipelines.writeback.journal import UncertainCall, UncertainEntity
from pipelines.writeback.reconcile import NOT_SEEN, CallFate, judge_call
from tests.records import hours, segment, snapshot, stage


def call(action: ChangeAction, *names: str, kind: EntityKind = "segment", thing_id: int | None = None) -> UncertainCall:
    entities = (UncertainEntity(kind=kind, action=action, thing_id=thing_id, name=name) for name in names)
    return UncertainCall(call_id=UUID(int=0), intended_at=hours(1), entities=tuple(entities))


def shown(*names: str, mode: Mode = "segments") -> Snapshot:
    """An account with things of these names, and the ids 1, 2, 3."""
    if mode == "periodicity":
        return snapshot(hours(2), mode, stages=tuple(stage(at, name=name) for at, name in enumerate(names, 1)))
    return snapshot(hours(2), mode, segments=tuple(segment(at, name=name) for at, name in enumerate(names, 1)))


@pytest.mark.parametrize(
    ("live", "verdict"),
    [
        (shown("VIP", "Gold"), CallFate(status="done", added_ids=(2,))),
        (shown("Gold"), NOT_SEEN),  # it was there before
        (shown("VIP"), NOT_SEEN),
        (shown("VIP", "Gold "), CallFate(status="unclear", new_ids=(2,))),
        (shown("VIP", "Gold", "Gold"), CallFate(status="unclear", new_ids=(2, 3))),
        (shown("VIP", "Gold", "New"), CallFate(status="done", added_ids=(2,))),
        (shown(mode="periodicity"), CallFate(status="unclear")),
    ],
)
def test_an_addition_is_found_by_name_among_new_entities(live: Snapshot, verdict: CallFate) -> None:
    assert judge_call(call("add", "Gold"), live, {("segment", 1), ("stage", 2)}) == verdict


@pytest.mark.parametrize(
    ("live", "verdict"),
    [
        (("B", "A"), CallFate(status="done", added_ids=(2, 1))),
        (("A",), CallFate(status="unclear", new_ids=(1,))),
        (("A", "A"), CallFate(status="unclear", new_ids=(1, 2))),
        ((), NOT_SEEN),
    ],
)
def test_stages_of_one_call_were_all_added_or_none(live: tuple[str, ...], verdict: CallFate) -> None:
    assert judge_call(call("add", "A", "B", kind="stage"), shown(*live, mode="periodicity"), set()) == verdict


def test_a_duplicate_desired_name_identifies_nothing() -> None:
    live = shown("A", "A", mode="periodicity")
    assert judge_call(call("add", "A", "A", kind="stage"), live, set()).status == "unclear"


def test_what_was_to_be_deleted_is_there_or_not() -> None:
    assert judge_call(call("delete", "VIP", thing_id=1), shown("VIP"), set()) == NOT_SEEN
    assert judge_call(call("delete", "VIP", thing_id=7), shown("VIP"), set()) == CallFate(status="done")
    assert judge_call(call("delete", "VIP", thing_id=7), shown(mode="disabled"), set()).status == "unclear"


def test_a_change_is_not_judged() -> None:
    assert judge_call(call("change", "VIP", thing_id=1), shown("VIP"), set()).status == "unclear"
