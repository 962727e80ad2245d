"""Plans on random accounts reach the desired state with the fewest valid calls."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipelines.amocrm.messages import EntityKind
from pipelines.base.errors import PlanError
from pipelines.writeback.calls import Plan
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.config_writer import format_desired
from pipelines.writeback.export import export_config
from pipelines.writeback.plan import make_plan
from pipelines.writeback.restore import restore_desired
from tests.unit.writeback.random_account_strategies import accounts
from tests.unit.writeback.random_desired_states import DesiredAccount, desired_accounts
from tests.unit.writeback.reference_account import NEW_ENTITY, SEGMENT_COLORS, STAGE_COLORS, Entity, ReferenceAccount

LIMITS = {"periodicity": 30, "segments": 100}

slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
patient = settings(deadline=None, suppress_health_check=slow)


def outcome(account: ReferenceAccount, wished: DesiredAccount) -> tuple[dict[int, Entity], list[Entity]]:
    """Expected entities: existing ones by their ids, and new ones."""
    entities, new = deepcopy(account.things), []
    for desired_state in wished.each:
        if desired_state.wanted is None:
            del entities[desired_state.thing_id or 0]
        elif desired_state.thing_id is None:
            new.append(changed(NEW_ENTITY, desired_state.wanted))
        else:
            entities[desired_state.thing_id] = changed(entities[desired_state.thing_id], desired_state.wanted)
    if wished.is_complete:
        mentioned = {desired_state.thing_id for desired_state in wished.each}
        gone = [at for at, entity in entities.items() if at not in mentioned and not entity["is_default"]]
        entities = {at: entity for at, entity in entities.items() if at not in gone}
    return entities, new


def changed(entity: Entity, wanted: dict[str, Any]) -> Entity:
    """A thing with what is wanted of it; what is not mentioned stays."""
    values = {at: one for at, one in (entity["values"] | wanted.get("values", {})).items() if one is not None}
    return entity | wanted | {"values": values}


def first_color(account: ReferenceAccount) -> str:
    """Color of an entity that was added without one; any would do."""
    return (STAGE_COLORS if account.mode == "periodicity" else SEGMENT_COLORS)[0]


def fewest_calls(before: dict[int, Entity], entities: dict[int, Entity], new: list[Entity], mode: str) -> int:
    """One for all new stages, one for each new segment, one for each thing that is different or gone."""
    added = min(1, len(new)) if mode == "periodicity" else len(new)
    return added + sum(entities.get(at) != entity for at, entity in before.items())


def check_plan(account: ReferenceAccount, wished: DesiredAccount) -> None:
    """Plan, do it on an account that obeys the page, and compare with what was wanted."""
    before = deepcopy(account.things)
    entities, new = outcome(account, wished)
    desired = parse_desired(format_desired(wished.desired))
    if new and len(entities) + len(new) > LIMITS[account.mode]:
        with pytest.raises(PlanError, match="amoCRM allows"):
            make_plan(account.snapshot(), desired)
        return
    plan = make_plan(account.snapshot(), desired, is_admin=True)
    added = [thing_id for call in plan.calls for thing_id in account.send(call)]
    assert {at: entity for at, entity in account.things.items() if at not in added} == entities
    assert [account.things[at] for at in added] == [
        one | {"color": one["color"] or first_color(account)} for one in new
    ]
    assert len(plan.calls) == fewest_calls(before, entities, new, account.mode)
    assert make_plan(account.snapshot(), desired).calls == ()


@patient
@given(st.data())
def test_a_plan_reaches_the_desired_state_with_the_fewest_calls(data: st.DataObject) -> None:
    account = data.draw(accounts())
    check_plan(account, data.draw(desired_accounts(account)))


@settings(max_examples=30, deadline=None, suppress_health_check=slow)
@given(st.data())
def test_a_plan_keeps_to_the_limits_at_every_step(data: st.DataObject) -> None:
    account = data.draw(accounts(is_crowded=True))
    check_plan(account, data.draw(desired_accounts(account, most_new=6)))


@patient
@given(accounts(), st.booleans())
def test_planning_what_was_exported_plans_nothing(account: ReferenceAccount, with_ids: bool) -> None:
    live = account.snapshot()
    assert make_plan(live, parse_desired(export_config(live, with_ids=with_ids))).calls == ()


@patient
@given(st.data())
def test_what_was_is_restored_after_any_changes(data: st.DataObject) -> None:
    account = data.draw(accounts())
    past = account.snapshot()
    before = deepcopy(account.things)
    wished = data.draw(desired_accounts(account, most_new=1))
    for call in make_plan(past, wished.desired).calls:
        account.send(call)
    assume(account.things != before)

    plan = make_plan(account.snapshot(), restore_desired(account.snapshot(), past).desired)
    successors = send_all(account, plan)
    for old_id, entity in before.items():
        now = account.things[successors.get((kind_of(account), old_id), old_id)]
        assert what_is_restored(account, now, entity) == what_is_restored(account, entity, entity)
    again = restore_desired(account.snapshot(), past, successors=successors)
    assert make_plan(account.snapshot(), again.desired).calls == ()


def kind_of(account: ReferenceAccount) -> EntityKind:
    return "stage" if account.mode == "periodicity" else "segment"


def send_all(account: ReferenceAccount, plan: Plan) -> dict[tuple[EntityKind, int], int]:
    """Make a plan's calls; returns what took the place of what, as a program that applies plans records it."""
    successors = {}
    for call in plan.calls:
        for change, thing_id in zip(call.changes, account.send(call), strict=False):
            assert change.replaces is not None
            successors[change.kind, change.replaces] = thing_id
    return successors


def what_is_restored(account: ReferenceAccount, now: Entity, then: Entity) -> Entity:
    """All of a thing that a restoration brings back: no colour that cannot be written, no value of a strange type."""
    managed = {field.id for field in account.fields if field.type != "payer"}
    return now | {
        "color": now["color"] if then["color"] in (*STAGE_COLORS, *SEGMENT_COLORS) else None,
        "values": {at: value for at, value in now["values"].items() if at in managed},
    }
