"""Plans on random accounts: they lead where they should, by the fewest calls, and never against the page on the way."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipelines.amocrm.messages import Kind
from pipelines.errors import PlanError
from pipelines.manage.calls import Plan
from pipelines.manage.export import export
from pipelines.manage.plan import make_plan
from pipelines.manage.read_file import read_desired
from pipelines.manage.restore import restore
from pipelines.manage.write_file import write_desired
from tests.unit.manage.page import NEW_THING, SEGMENT_COLORS, STAGE_COLORS, PageAccount, Thing
from tests.unit.manage.wishes import Wishes, wishes
from tests.unit.manage.worlds import accounts

LIMITS = {"periodicity": 30, "segments": 100}

slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
patient = settings(deadline=None, suppress_health_check=slow)


def outcome(account: PageAccount, wished: Wishes) -> tuple[dict[int, Thing], list[Thing]]:
    """What there must be in the end: things by their ids, and new ones."""
    things, new = deepcopy(account.things), []
    for wish in wished.each:
        if wish.wanted is None:
            del things[wish.thing_id or 0]
        elif wish.thing_id is None:
            new.append(changed(NEW_THING, wish.wanted))
        else:
            things[wish.thing_id] = changed(things[wish.thing_id], wish.wanted)
    if wished.is_complete:
        mentioned = {wish.thing_id for wish in wished.each}
        gone = [at for at, thing in things.items() if at not in mentioned and not thing["is_default"]]
        things = {at: thing for at, thing in things.items() if at not in gone}
    return things, new


def changed(thing: Thing, wanted: dict[str, Any]) -> Thing:
    """A thing with what is wanted of it; what is not mentioned stays."""
    values = {at: one for at, one in (thing["values"] | wanted.get("values", {})).items() if one is not None}
    return thing | wanted | {"values": values}


def first_color(account: PageAccount) -> str:
    """What a thing gets that was added without a colour; any would do."""
    return (STAGE_COLORS if account.mode == "periodicity" else SEGMENT_COLORS)[0]


def fewest_calls(before: dict[int, Thing], things: dict[int, Thing], new: list[Thing], mode: str) -> int:
    """One for all new stages, one for each new segment, one for each thing that is different or gone."""
    added = min(1, len(new)) if mode == "periodicity" else len(new)
    return added + sum(things.get(at) != thing for at, thing in before.items())


def check_plan(account: PageAccount, wished: Wishes) -> None:
    """Plan, do it on an account that obeys the page, and compare with what was wanted."""
    before = deepcopy(account.things)
    things, new = outcome(account, wished)
    desired = read_desired(write_desired(wished.desired))
    if new and len(things) + len(new) > LIMITS[account.mode]:
        with pytest.raises(PlanError, match="amoCRM allows"):
            make_plan(account.snapshot(), desired)
        return
    plan = make_plan(account.snapshot(), desired, is_admin=True)
    added = [thing_id for call in plan.calls for thing_id in account.send(call)]
    assert {at: thing for at, thing in account.things.items() if at not in added} == things
    assert [account.things[at] for at in added] == [
        one | {"color": one["color"] or first_color(account)} for one in new
    ]
    assert len(plan.calls) == fewest_calls(before, things, new, account.mode)
    assert make_plan(account.snapshot(), desired).calls == ()


@patient
@given(st.data())
def test_a_plan_leads_to_what_is_wanted_by_the_fewest_calls(data: st.DataObject) -> None:
    account = data.draw(accounts())
    check_plan(account, data.draw(wishes(account)))


@settings(max_examples=30, deadline=None, suppress_health_check=slow)
@given(st.data())
def test_a_plan_keeps_to_the_limits_at_every_step(data: st.DataObject) -> None:
    account = data.draw(accounts(is_crowded=True))
    check_plan(account, data.draw(wishes(account, most_new=6)))


@patient
@given(accounts(), st.booleans())
def test_planning_what_was_exported_plans_nothing(account: PageAccount, with_ids: bool) -> None:
    live = account.snapshot()
    assert make_plan(live, read_desired(export(live, with_ids=with_ids))).calls == ()


@patient
@given(st.data())
def test_what_was_is_restored_after_any_changes(data: st.DataObject) -> None:
    account = data.draw(accounts())
    past = account.snapshot()
    before = deepcopy(account.things)
    wished = data.draw(wishes(account, most_new=1))
    for call in make_plan(past, wished.desired).calls:
        account.send(call)
    assume(account.things != before)

    plan = make_plan(account.snapshot(), restore(account.snapshot(), past).desired)
    successors = send_all(account, plan)
    for old_id, thing in before.items():
        now = account.things[successors.get((kind_of(account), old_id), old_id)]
        assert what_is_restored(account, now, thing) == what_is_restored(account, thing, thing)
    again = restore(account.snapshot(), past, successors=successors)
    assert make_plan(account.snapshot(), again.desired).calls == ()


def kind_of(account: PageAccount) -> Kind:
    return "stage" if account.mode == "periodicity" else "segment"


def send_all(account: PageAccount, plan: Plan) -> dict[tuple[Kind, int], int]:
    """Make a plan's calls; returns what took the place of what, as a program that applies plans records it."""
    successors = {}
    for call in plan.calls:
        for change, thing_id in zip(call.changes, account.send(call), strict=False):
            assert change.replaces is not None
            successors[change.kind, change.replaces] = thing_id
    return successors


def what_is_restored(account: PageAccount, now: Thing, then: Thing) -> Thing:
    """All of a thing that a restoration brings back: no colour that cannot be written, no value of a strange type."""
    managed = {field.id for field in account.fields if field.type != "payer"}
    return now | {
        "color": now["color"] if then["color"] in (*STAGE_COLORS, *SEGMENT_COLORS) else None,
        "values": {at: value for at, value in now["values"].items() if at in managed},
    }
