"""Apply plans to an emulated account: calls, journal, and lost responses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from emulator import Emulator, effects
from emulator.faults import Effect
from pipelines.base.errors import DatabaseError, Forbidden, InvalidRequest, PlanError, Unavailable, UncertainWrite
from pipelines.base.secret import Secret
from pipelines.warehouse.past import read_snapshot_at
from pipelines.writeback.apply import ApplyResult, apply
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.journal import apply_lock, record_done
from pipelines.writeback.live_account import load_live_account, preview_plan
from pipelines.writeback.plan_source import DesiredState, past_to_desired_state, to_desired_state
from tests.accounts import EmulatedAccount, ticking_clock
from tests.records import START

LOST = effects.reset()
"""The connection is cut after amoCRM has done what it was asked to, and before a byte of its answer came."""

WRITES = ("POST", "PATCH", "DELETE")


class WritableAccount(EmulatedAccount):
    """An emulated account, and plans that a user applies to it. Time passes by a second whenever it is read."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, **account: Any) -> None:
        super().__init__(emulator, engine, root, **account)
        self.live = self.access(ticking_clock())

    def desired_state(self, file: str) -> DesiredState:
        return to_desired_state(parse_desired(f"version: 1\n{file}"), account_key="main")

    def past_desired_state(self, at: Any, **ids: Any) -> DesiredState:
        with self.engine.connect() as connection:
            past = read_snapshot_at(connection, self.id, at)
        assert past
        return past_to_desired_state(past, account_key="main", **ids)

    def apply(self, desired_state: DesiredState) -> ApplyResult:
        return apply(
            self.live, desired_state, preview_plan(self.live, desired_state), who="ann@desk", reason="tidying up"
        )

    def sent(self) -> list[str]:
        """The writes that amoCRM received."""
        return [f"{one.method} {one.path}" for one in self.emulator.requests if one.method in WRITES]

    def names(self) -> list[str]:
        account = self.world.account(self.id)
        return sorted(one.name for one in (*account.live_segments(), *self.custom_stages()))

    def custom_stages(self) -> list[Any]:
        return [one for one in self.world.account(self.id).live_stages() if not one.is_default]


def undo_addition(account: WritableAccount, effect: Effect) -> Effect:
    """An answer to an addition that was not made."""

    def undo(payload: Any) -> Any:
        account.world.delete_segment(account.id, payload["id"])
        return payload

    return replace(effect, payload=undo)


@pytest.fixture
def account(emulator: Emulator, engine: Engine, tmp_path: Path) -> WritableAccount:
    """An account with the segments VIP and New."""
    account = WritableAccount(emulator, engine, tmp_path)
    account.world.add_segment(account.id, "VIP", size=10)
    account.world.add_segment(account.id, "New", size=3)
    return account


@pytest.fixture
def stages(emulator: Emulator, engine: Engine, tmp_path: Path) -> WritableAccount:
    """An account with the stages One and Two beside those of the system."""
    account = WritableAccount(emulator, engine, tmp_path, mode="periodicity")
    account.world.add_stage(account.id, "One")
    account.world.add_stage(account.id, "Two")
    return account


EVERYTHING = """
segments:
- {name: VIP, color: ae003f}
- {name: Gold}
- {name: Silver}
- {name: New, delete: true}
"""


def test_every_call_is_applied_recorded_and_loaded(account: WritableAccount) -> None:
    desired_state = account.desired_state(EVERYTHING)
    applied = account.apply(desired_state)
    assert (applied.error, applied.remaining_calls, [made.outcome for made in applied.applied_calls]) == (
        None,
        (),
        ["done"] * 4,
    )
    assert preview_plan(account.live, desired_state).is_empty
    assert account.names() == ["Gold", "Silver", "VIP"]
    assert account.rows(
        "select action, thing_name, outcome, who, reason, source, status from analytics.write_backs order by called_at"
    ) == [
        (action, name, "done", "ann@desk", "tidying up", "segments.yaml", status)
        for action, name, status in (
            ("change", "VIP", 200),
            ("add", "Gold", 200),
            ("add", "Silver", 200),
            ("delete", "New", 204),
        )
    ]
    # Cause and effect: every call has its change, in the first snapshot after it.
    assert account.rows(
        "select change.change, change.thing_name from analytics.changes change join analytics.write_backs call"
        " using (account_id, thing, thing_id, observed_at) order by 1, 2"
    ) == [("added", "Gold"), ("added", "Silver"), ("changed", "VIP"), ("deleted", "New")]


def test_what_was_sent_and_answered_is_kept(account: WritableAccount) -> None:
    account.apply(account.desired_state("segments: [{name: Gold, color: ae003f}]"))
    [(method, path, body, effect, request_id, thing_id)] = account.rows(
        "select method, path, body, answer, request_id, thing_id"
        " from amocrm.write_back join amocrm.write_back_thing using (account_id, call_id)"
    )
    assert (method, path, body) == ("POST", "/api/v4/customers/segments", {"name": "Gold", "color": "ae003f"})
    assert effect["id"] == thing_id
    assert request_id


def test_several_stages_are_one_call_with_an_id_each(stages: WritableAccount) -> None:
    applied = stages.apply(
        stages.desired_state("stages: [{name: A, sort: 5}, {name: B, sort: 6}, {name: One, delete: true}]")
    )
    assert applied.error is None
    assert [request.split()[0] for request in stages.sent()] == ["POST", "DELETE"]
    by_name = {one.name: one.id for one in stages.custom_stages()}
    assert stages.rows("select thing_name, thing_id from analytics.write_backs where action = 'add' order by 1") == [
        ("A", by_name["A"]),
        ("B", by_name["B"]),
    ]


def test_nothing_is_sent_if_the_account_changed_after_the_preview(account: WritableAccount) -> None:
    desired_state = account.desired_state(EVERYTHING)
    shown = preview_plan(account.live, desired_state)
    account.world.add_segment(account.id, "Gold")
    with pytest.raises(PlanError, match="has changed since the plan was confirmed"):
        apply(account.live, desired_state, shown, who="ann@desk")
    assert account.sent() == []


def test_nothing_is_sent_while_another_apply_is_at_work(account: WritableAccount) -> None:
    desired_state = account.desired_state(EVERYTHING)
    shown = preview_plan(account.live, desired_state)
    with apply_lock(account.engine, account.id, "main"), pytest.raises(DatabaseError, match="Another apply or restore"):
        apply(account.live, desired_state, shown, who="ann@desk")
    assert account.sent() == []
    assert apply(account.live, desired_state, shown, who="ann@desk").error is None


def test_missing_write_permission_changes_nothing_and_is_reported(account: WritableAccount) -> None:
    token = Secret(account.emulator.long_lived_token(account.id, is_admin=False))
    account.live = replace(account.live, configured_account=replace(account.live.account, token=token))
    applied = account.apply(account.desired_state(EVERYTHING))
    assert isinstance(applied.error, Forbidden)
    assert ([made.outcome for made in applied.applied_calls], len(applied.remaining_calls)) == (["refused"], 3)
    assert account.rows("select outcome, status, error like '%403%' from amocrm.write_back") == [("refused", 403, True)]
    assert token.reveal() not in str(account.rows("select call::text from amocrm.write_back as call"))


def test_a_refused_call_stops_the_rest_and_what_is_done_is_loaded(account: WritableAccount) -> None:
    refusal = undo_addition(account, effects.error(400, "no"))
    with account.emulator.faults.during(refusal, method="POST", nth=2, times=1):
        applied = account.apply(account.desired_state(EVERYTHING))
    assert isinstance(applied.error, InvalidRequest)
    assert [made.outcome for made in applied.applied_calls] == ["done", "done", "refused"]
    assert [call.method for call in applied.remaining_calls] == ["DELETE"]
    assert account.rows("select name from analytics.segments order by 1") == [("Gold",), ("New",), ("VIP",)]
    assert account.apply(account.desired_state(EVERYTHING)).error is None
    assert account.names() == ["Gold", "Silver", "VIP"]


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *((method, fault) for method in WRITES for fault in (LOST, effects.status(502))),
        *((method, fault) for method in ("POST", "PATCH") for fault in (effects.truncated(), effects.body("<html>"))),
    ],
)
def test_the_effect_of_a_lost_response_is_found_out(account: WritableAccount, method: str, fault: Effect) -> None:
    with account.emulator.faults.during(fault, method=method, times=1):
        applied = account.apply(account.desired_state(EVERYTHING))
    assert applied.error is None
    assert len(account.sent()) == 4, "nothing was sent twice"
    assert account.names() == ["Gold", "Silver", "VIP"]
    assert [made.outcome for made in applied.applied_calls] == ["done"] * 4
    assert account.rows("select count(*) from amocrm.write_back where outcome = 'done'") == [(4,)]
    assert account.rows("select count(*) from amocrm.write_back_thing where thing_id is null") == [(0,)]


def test_a_lost_answer_about_several_stages(stages: WritableAccount) -> None:
    desired_state = stages.desired_state("stages: [{name: A, sort: 5}, {name: B, sort: 6}]")
    with stages.emulator.faults.during(LOST, method="POST", times=1):
        applied = stages.apply(desired_state)
    assert (applied.error, len(stages.sent())) == (None, 1)
    by_name = {one.name: one.id for one in stages.custom_stages()}
    assert applied.applied_calls[0].added_ids == (by_name["A"], by_name["B"])


def test_what_did_not_happen_is_planned_and_sent_again(account: WritableAccount) -> None:
    with account.emulator.faults.during(undo_addition(account, effects.status(503)), method="POST", times=1):
        applied = account.apply(account.desired_state("segments: [{name: Gold}]"))
    assert applied.error is None
    assert [made.outcome for made in applied.applied_calls] == ["uncertain", "done"]
    assert account.names() == ["Gold", "New", "VIP"]


def test_repeatedly_lost_responses_stop_the_apply(account: WritableAccount) -> None:
    with account.emulator.faults.during(undo_addition(account, effects.status(503)), method="POST"):
        applied = account.apply(account.desired_state("segments: [{name: Gold}]"))
    assert isinstance(applied.error, UncertainWrite)
    assert [made.outcome for made in applied.applied_calls] == ["uncertain"] * 4
    assert account.names() == ["New", "VIP"]


SIX = "segments: [{name: VIP, color: ae003f}, {name: A}, {name: B}, {name: C}, {name: D}, {name: New, delete: true}]"


@pytest.mark.parametrize(("code", "has_body"), [(200, False), (201, True), (202, True), (202, False), (204, False)])
def test_any_success_is_done_by_its_body_or_by_a_look_at_the_account(
    account: WritableAccount, code: int, has_body: bool
) -> None:
    for method in WRITES:
        account.emulator.faults.add(effects.success_status(code, has_body), method=method)
    applied = account.apply(account.desired_state(SIX))
    assert (applied.error, len(account.sent())) == (None, 6)
    assert [made.outcome for made in applied.applied_calls] == ["done"] * 6
    assert account.names() == ["A", "B", "C", "D", "VIP"]


def test_stages_added_with_another_success_have_their_ids(stages: WritableAccount) -> None:
    with stages.emulator.faults.during(effects.success_status(201), method="POST"):
        applied = stages.apply(stages.desired_state("stages: [{name: A, sort: 5}, {name: B, sort: 6}]"))
    assert (applied.error, len(applied.applied_calls[0].added_ids)) == (None, 2)


def test_a_success_whose_effect_is_not_seen_is_not_sent_again(account: WritableAccount) -> None:
    with account.emulator.faults.during(undo_addition(account, effects.success_status(202, False)), method="POST"):
        applied = account.apply(account.desired_state("segments: [{name: Gold}]"))
    assert isinstance(applied.error, UncertainWrite)
    assert [made.outcome for made in applied.applied_calls] == ["uncertain"]


def test_a_recorded_outcome_is_not_overwritten(account: WritableAccount) -> None:
    """As where the lock of an apply that is still at work was lost with its connection, and another one has begun."""
    [made] = account.apply(account.desired_state("segments: [{name: Gold}]")).applied_calls
    with account.engine.begin() as connection:
        connection.execute(text("update amocrm.write_back set outcome = 'refused'"))
        record_done(connection, account.id, made.call_id, at=START, added_ids=())
    assert account.rows("select outcome from analytics.write_backs") == [("refused",)]


def test_a_new_entity_of_another_name_stops_the_apply(account: WritableAccount) -> None:
    renamed = effects.before_response(lambda world: world.add_segment(account.id, "Gold (1)"))
    with account.emulator.faults.during(undo_addition(account, effects.status(503)), method="POST"):
        account.emulator.faults.add(renamed, method="POST", times=1)
        applied = account.apply(account.desired_state("segments: [{name: Gold}]"))
    assert isinstance(applied.error, UncertainWrite)
    assert "no entity with the name to be added" in applied.error.message
    assert len(account.sent()) == 1


def test_another_users_change_after_a_lost_response_stops_the_apply(account: WritableAccount) -> None:
    other = effects.before_response(
        lambda world: world.rename_segment(account.id, next(iter(world.account(account.id).segments)), "?")
    )
    with account.emulator.faults.during(LOST, method="POST", times=1):
        account.emulator.faults.add(other, method="POST", times=1)
        applied = account.apply(account.desired_state("segments: [{name: Gold}, {name: VIP, color: ae003f}]"))
    assert isinstance(applied.error, PlanError)
    assert [made.outcome for made in applied.applied_calls] == ["done", "done"]


def test_a_difference_left_after_the_apply_is_reported(account: WritableAccount) -> None:
    def shorten(payload: Any) -> Any:
        account.world.rename_segment(account.id, payload["id"], "Go")
        return payload

    with account.emulator.faults.during(effects.payload(shorten), method="POST"):
        applied = account.apply(account.desired_state("segments: [{name: Gold}]"))
    assert "1 more would be needed" in str(applied.error)
    assert [made.outcome for made in applied.applied_calls] == ["done"]


def test_an_account_that_cannot_be_read_after_a_lost_answer_leaves_it_uncertain(account: WritableAccount) -> None:
    desired_state = account.desired_state("segments: [{name: Gold}, {name: Silver}]")
    out = effects.before_response(lambda _: account.emulator.faults.add(effects.status(503), method="GET"))
    account.emulator.faults.add(out, method="POST")
    account.emulator.faults.add(LOST, method="POST")
    applied = account.apply(desired_state)
    assert isinstance(applied.error, UncertainWrite)
    assert ([made.outcome for made in applied.applied_calls], len(applied.remaining_calls)) == (["uncertain"], 1)
    assert applied.load is None
    account.emulator.faults.clear()
    assert account.apply(desired_state).error is None
    assert account.rows("select thing_name, outcome from analytics.write_backs order by called_at") == [
        ("Gold", "done"),
        ("Silver", "done"),
    ]


def test_a_call_that_never_reached_amocrm_is_recorded_as_not_sent(account: WritableAccount) -> None:
    desired_state = account.desired_state("segments: [{name: Gold}]")
    shown = preview_plan(account.live, desired_state)

    def plan_and_lose_the_way(*state: Any) -> Any:
        account.emulator.stop()
        return desired_state.plan(*state)

    applied = apply(account.live, DesiredState(plan=plan_and_lose_the_way), shown, who="ann@desk")
    assert isinstance(applied.error, Unavailable)
    assert [made.outcome for made in applied.applied_calls] == ["not_sent"]
    assert account.rows("select outcome, status from amocrm.write_back") == [("not_sent", None)]


def test_a_restored_segment_is_the_successor_of_the_lost_one(account: WritableAccount) -> None:
    field_id = account.world.add_field(account.id, "Note", "text")
    [old] = [one.id for one in account.world.account(account.id).live_segments() if one.name == "VIP"]
    account.world.set_field_value(account.id, old, field_id, "by the sea")
    was = load_live_account(account.live)[0].extracted.observed_at
    account.world.delete_segment(account.id, old)
    load_live_account(account.live)
    desired_state = account.past_desired_state(was, segment_ids={old})
    applied = account.apply(desired_state)
    assert applied.error is None
    [new] = applied.applied_calls[0].added_ids
    assert account.world.account(account.id).segments[new].values[field_id] == [{"value": "by the sea"}]
    assert preview_plan(account.live, desired_state).is_empty
    assert account.rows(
        "select change, thing_id from analytics.changes where thing = 'segment' order by observed_at"
    ) == [
        ("deleted", old),
        ("added", new),
    ]
    assert account.rows(
        "select segment_id, lineage_id, generation, predecessor_id, successor_id, restored_from"
        f" from analytics.segment_lineage where lineage_id = {old} order by 1"
    ) == [(old, old, 0, None, new, None), (new, old, 1, old, None, was)]


@pytest.mark.parametrize("times", [1, 2])
def test_a_restored_segment_that_is_lost_again(account: WritableAccount, times: int) -> None:
    old = account.world.add_segment(account.id, "Gold")
    was = load_live_account(account.live)[0].extracted.observed_at
    ids = [old]
    for _ in range(times + 1):
        account.world.delete_segment(account.id, ids[-1])
        with account.emulator.faults.during(LOST, method="POST", times=times):
            applied = account.apply(account.past_desired_state(was, segment_ids={old}))
        assert applied.error is None
        ids += applied.applied_calls[-1].added_ids
    account.world.rename_segment(account.id, ids[-1], "Spoilt")
    [change] = preview_plan(account.live, account.past_desired_state(was, segment_ids={old})).changes
    assert (change.action, change.thing_id) == ("change", ids[-1]), "it is known without its name"
    lineage = account.rows(
        f"select segment_id, lineage_id, predecessor_id, successor_id from analytics.segment_lineage"
        f" where lineage_id = {old} order by 1"
    )
    assert lineage == [(old, old, None, ids[-1]), *((new, old, old, None) for new in ids[1:])]


def test_restored_stages_have_a_lineage_too(stages: WritableAccount) -> None:
    was = load_live_account(stages.live)[0].extracted.observed_at
    one, two = (stage.id for stage in stages.custom_stages())
    stages.world.delete_stage(stages.id, one)
    stages.world.delete_stage(stages.id, two)
    applied = stages.apply(stages.past_desired_state(was))
    assert applied.error is None
    assert len(stages.sent()) == 1
    new = applied.applied_calls[0].added_ids
    assert stages.rows(
        "select predecessor_id, stage_id from analytics.stage_lineage where predecessor_id is not null order by 2"
    ) == [(one, new[0]), (two, new[1])]
