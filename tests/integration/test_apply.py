"""Applying plans to an emulated account: what is sent and recorded, and what stays true when answers are lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from emulator import Clock as EmulatorClock
from emulator import Emulator, effects
from emulator.faults import Effect
from pipelines.clock import Clock
from pipelines.errors import DatabaseError, Forbidden, InvalidRequest, PlanError, Unavailable, UncertainWrite
from pipelines.manage.apply import Applied, apply
from pipelines.manage.live import Access, load, preview
from pipelines.manage.read_file import read_desired
from pipelines.manage.wishes import Wish, wish_of, wish_of_past
from pipelines.manage.write_back import note_done, only_apply
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.history import read_snapshot_at
from tests.records import START

LOST = effects.reset()
"""The connection is cut after amoCRM has done what it was asked to, and before a byte of its answer came."""

WRITES = ("POST", "PATCH", "DELETE")


class Desk:
    """An emulated account, its warehouse, and somebody who changes it. Time passes by a second whenever it is asked."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, **account: Any) -> None:
        self.emulator, self.world, self.engine = emulator, emulator.world, engine
        self.id = emulator.world.add_account("Corner Coffee", **account)
        seconds = count()
        self.access = Access(
            engine=engine,
            account=AccountSettings(
                key="main", base_url=emulator.url, token=Secret(emulator.long_lived_token(self.id))
            ),
            settings=Settings(data_dir=root, requests_per_second=10_000.0),
            clock=Clock(now=lambda: START + timedelta(seconds=next(seconds)), sleep=lambda _: None),
        )

    def wish(self, file: str) -> Wish:
        return wish_of(read_desired(f"version: 1\n{file}"), account_key="main")

    def past_wish(self, at: Any, **ids: Any) -> Wish:
        with self.engine.connect() as connection:
            past = read_snapshot_at(connection, self.id, at)
        assert past
        return wish_of_past(past, account_key="main", **ids)

    def apply(self, wish: Wish) -> Applied:
        return apply(self.access, wish, preview(self.access, wish), who="ann@desk", reason="tidying up")

    def sent(self) -> list[str]:
        """The writes that amoCRM received."""
        return [f"{one.method} {one.path}" for one in self.emulator.requests if one.method in WRITES]

    def names(self) -> list[str]:
        account = self.world.account(self.id)
        return sorted(one.name for one in (*account.live_segments(), *self.own_stages()))

    def own_stages(self) -> list[Any]:
        return [one for one in self.world.account(self.id).live_stages() if not one.is_default]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


def in_place_of_adding(desk: Desk, answer: Effect) -> Effect:
    """An answer to an addition that was not made."""

    def undo(payload: Any) -> Any:
        desk.world.delete_segment(desk.id, payload["id"])
        return payload

    return replace(answer, payload=undo)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(clock=EmulatorClock(START)) as running:
        yield running


@pytest.fixture
def desk(emulator: Emulator, engine: Engine, tmp_path: Path) -> Desk:
    """An account with the segments VIP and New."""
    desk = Desk(emulator, engine, tmp_path)
    desk.world.add_segment(desk.id, "VIP", size=10)
    desk.world.add_segment(desk.id, "New", size=3)
    return desk


@pytest.fixture
def stages(emulator: Emulator, engine: Engine, tmp_path: Path) -> Desk:
    """An account with the stages One and Two beside those of the system."""
    desk = Desk(emulator, engine, tmp_path, mode="periodicity")
    desk.world.add_stage(desk.id, "One")
    desk.world.add_stage(desk.id, "Two")
    return desk


EVERYTHING = """
segments:
- {name: VIP, color: ae003f}
- {name: Gold}
- {name: Silver}
- {name: New, delete: true}
"""


def test_everything_is_made_recorded_and_loaded(desk: Desk) -> None:
    wish = desk.wish(EVERYTHING)
    applied = desk.apply(wish)
    assert (applied.error, applied.left, [made.outcome for made in applied.made]) == (None, (), ["done"] * 4)
    assert preview(desk.access, wish).is_empty
    assert desk.names() == ["Gold", "Silver", "VIP"]
    assert desk.rows(
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
    assert desk.rows(
        "select change.change, change.thing_name from analytics.changes change join analytics.write_backs call"
        " using (account_id, thing, thing_id, observed_at) order by 1, 2"
    ) == [("added", "Gold"), ("added", "Silver"), ("changed", "VIP"), ("deleted", "New")]


def test_what_was_sent_and_answered_is_kept(desk: Desk) -> None:
    desk.apply(desk.wish("segments: [{name: Gold, color: ae003f}]"))
    [(method, path, body, answer, request_id, thing_id)] = desk.rows(
        "select method, path, body, answer, request_id, thing_id"
        " from amocrm.write_back join amocrm.write_back_thing using (account_id, call_id)"
    )
    assert (method, path, body) == ("POST", "/api/v4/customers/segments", {"name": "Gold", "color": "ae003f"})
    assert answer["id"] == thing_id
    assert request_id


def test_several_stages_are_one_call_with_an_id_each(stages: Desk) -> None:
    applied = stages.apply(stages.wish("stages: [{name: A, sort: 5}, {name: B, sort: 6}, {name: One, delete: true}]"))
    assert applied.error is None
    assert [request.split()[0] for request in stages.sent()] == ["POST", "DELETE"]
    by_name = {one.name: one.id for one in stages.own_stages()}
    assert stages.rows("select thing_name, thing_id from analytics.write_backs where action = 'add' order by 1") == [
        ("A", by_name["A"]),
        ("B", by_name["B"]),
    ]


def test_nothing_is_sent_where_the_account_has_changed_since_it_was_shown(desk: Desk) -> None:
    wish = desk.wish(EVERYTHING)
    shown = preview(desk.access, wish)
    desk.world.add_segment(desk.id, "Gold")
    with pytest.raises(PlanError, match="changed meanwhile"):
        apply(desk.access, wish, shown, who="ann@desk")
    assert desk.sent() == []


def test_nothing_is_sent_while_another_apply_is_at_work(desk: Desk) -> None:
    wish = desk.wish(EVERYTHING)
    shown = preview(desk.access, wish)
    with only_apply(desk.engine, desk.id, "main"), pytest.raises(DatabaseError, match="another apply"):
        apply(desk.access, wish, shown, who="ann@desk")
    assert desk.sent() == []
    assert apply(desk.access, wish, shown, who="ann@desk").error is None


def test_one_who_may_not_write_changes_nothing_and_is_told(desk: Desk) -> None:
    token = Secret(desk.emulator.long_lived_token(desk.id, is_admin=False))
    desk.access = replace(desk.access, account=replace(desk.access.account, token=token))
    applied = desk.apply(desk.wish(EVERYTHING))
    assert isinstance(applied.error, Forbidden)
    assert ([made.outcome for made in applied.made], len(applied.left)) == (["refused"], 3)
    assert desk.rows("select outcome, status, error like '%403%' from amocrm.write_back") == [("refused", 403, True)]
    assert token.reveal() not in str(desk.rows("select call::text from amocrm.write_back as call"))


def test_a_refused_call_stops_the_rest_and_what_is_done_is_loaded(desk: Desk) -> None:
    refusal = in_place_of_adding(desk, effects.error(400, "no"))
    with desk.emulator.faults.during(refusal, method="POST", nth=2, times=1):
        applied = desk.apply(desk.wish(EVERYTHING))
    assert isinstance(applied.error, InvalidRequest)
    assert [made.outcome for made in applied.made] == ["done", "done", "refused"]
    assert [call.method for call in applied.left] == ["DELETE"]
    assert desk.rows("select name from analytics.segments order by 1") == [("Gold",), ("New",), ("VIP",)]
    assert desk.apply(desk.wish(EVERYTHING)).error is None
    assert desk.names() == ["Gold", "Silver", "VIP"]


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *((method, fault) for method in WRITES for fault in (LOST, effects.status(502))),
        *((method, fault) for method in ("POST", "PATCH") for fault in (effects.truncated(), effects.body("<html>"))),
    ],
)
def test_a_lost_answer_to_what_happened_is_found_out(desk: Desk, method: str, fault: Effect) -> None:
    with desk.emulator.faults.during(fault, method=method, times=1):
        applied = desk.apply(desk.wish(EVERYTHING))
    assert applied.error is None
    assert len(desk.sent()) == 4, "nothing was sent twice"
    assert desk.names() == ["Gold", "Silver", "VIP"]
    assert [made.outcome for made in applied.made] == ["done"] * 4
    assert desk.rows("select count(*) from amocrm.write_back where outcome = 'done'") == [(4,)]
    assert desk.rows("select count(*) from amocrm.write_back_thing where thing_id is null") == [(0,)]


def test_a_lost_answer_about_several_stages(stages: Desk) -> None:
    wish = stages.wish("stages: [{name: A, sort: 5}, {name: B, sort: 6}]")
    with stages.emulator.faults.during(LOST, method="POST", times=1):
        applied = stages.apply(wish)
    assert (applied.error, len(stages.sent())) == (None, 1)
    by_name = {one.name: one.id for one in stages.own_stages()}
    assert applied.made[0].added_ids == (by_name["A"], by_name["B"])


def test_what_did_not_happen_is_planned_and_sent_again(desk: Desk) -> None:
    with desk.emulator.faults.during(in_place_of_adding(desk, effects.status(503)), method="POST", times=1):
        applied = desk.apply(desk.wish("segments: [{name: Gold}]"))
    assert applied.error is None
    assert [made.outcome for made in applied.made] == ["uncertain", "done"]
    assert desk.names() == ["Gold", "New", "VIP"]


def test_answers_that_are_lost_again_and_again_end_it(desk: Desk) -> None:
    with desk.emulator.faults.during(in_place_of_adding(desk, effects.status(503)), method="POST"):
        applied = desk.apply(desk.wish("segments: [{name: Gold}]"))
    assert isinstance(applied.error, UncertainWrite)
    assert [made.outcome for made in applied.made] == ["uncertain"] * 4
    assert desk.names() == ["New", "VIP"]


def test_what_is_known_of_a_call_is_not_settled_over(desk: Desk) -> None:
    """As where the lock of an apply that is still at work was lost with its connection, and another one has begun."""
    [made] = desk.apply(desk.wish("segments: [{name: Gold}]")).made
    with desk.engine.begin() as connection:
        connection.execute(text("update amocrm.write_back set outcome = 'refused'"))
        note_done(connection, desk.id, made.call_id, at=START, added_ids=())
    assert desk.rows("select outcome from analytics.write_backs") == [("refused",)]


def test_a_new_thing_under_another_name_may_be_the_lost_one_and_ends_it(desk: Desk) -> None:
    renamed = effects.meanwhile(lambda world: world.add_segment(desk.id, "Gold (1)"))
    with desk.emulator.faults.during(in_place_of_adding(desk, effects.status(503)), method="POST"):
        desk.emulator.faults.add(renamed, method="POST", times=1)
        applied = desk.apply(desk.wish("segments: [{name: Gold}]"))
    assert isinstance(applied.error, UncertainWrite)
    assert "came up meanwhile" in applied.error.message
    assert len(desk.sent()) == 1


def test_somebody_elses_change_after_a_lost_answer_ends_it(desk: Desk) -> None:
    other = effects.meanwhile(
        lambda world: world.rename_segment(desk.id, next(iter(world.account(desk.id).segments)), "?")
    )
    with desk.emulator.faults.during(LOST, method="POST", times=1):
        desk.emulator.faults.add(other, method="POST", times=1)
        applied = desk.apply(desk.wish("segments: [{name: Gold}, {name: VIP, color: ae003f}]"))
    assert isinstance(applied.error, PlanError)
    assert [made.outcome for made in applied.made] == ["done", "done"]


def test_what_amocrm_makes_something_else_of_is_told(desk: Desk) -> None:
    def shorten(payload: Any) -> Any:
        desk.world.rename_segment(desk.id, payload["id"], "Go")
        return payload

    with desk.emulator.faults.during(effects.payload(shorten), method="POST"):
        applied = desk.apply(desk.wish("segments: [{name: Gold}]"))
    assert "1 more would be needed" in str(applied.error)
    assert [made.outcome for made in applied.made] == ["done"]


def test_an_account_that_cannot_be_read_after_a_lost_answer_leaves_it_uncertain(desk: Desk) -> None:
    wish = desk.wish("segments: [{name: Gold}, {name: Silver}]")
    out = effects.meanwhile(lambda _: desk.emulator.faults.add(effects.status(503), method="GET"))
    desk.emulator.faults.add(out, method="POST")
    desk.emulator.faults.add(LOST, method="POST")
    applied = desk.apply(wish)
    assert isinstance(applied.error, UncertainWrite)
    assert ([made.outcome for made in applied.made], len(applied.left)) == (["uncertain"], 1)
    assert applied.loaded is None
    desk.emulator.faults.clear()
    assert desk.apply(wish).error is None
    assert desk.rows("select thing_name, outcome from analytics.write_backs order by called_at") == [
        ("Gold", "done"),
        ("Silver", "done"),
    ]


def test_a_call_that_never_reached_amocrm_is_told_apart(desk: Desk) -> None:
    wish = desk.wish("segments: [{name: Gold}]")
    shown = preview(desk.access, wish)

    def plan_and_lose_the_way(*state: Any) -> Any:
        desk.emulator.stop()
        return wish.plan(*state)

    applied = apply(desk.access, Wish(plan=plan_and_lose_the_way), shown, who="ann@desk")
    assert isinstance(applied.error, Unavailable)
    assert [made.outcome for made in applied.made] == ["not_sent"]
    assert desk.rows("select outcome, status from amocrm.write_back") == [("not_sent", None)]


def test_a_restored_segment_is_the_successor_of_the_lost_one(desk: Desk) -> None:
    field_id = desk.world.add_field(desk.id, "Note", "text")
    [old] = [one.id for one in desk.world.account(desk.id).live_segments() if one.name == "VIP"]
    desk.world.set_field_value(desk.id, old, field_id, "by the sea")
    was = load(desk.access)[0].extracted.observed_at
    desk.world.delete_segment(desk.id, old)
    load(desk.access)
    wish = desk.past_wish(was, segment_ids={old})
    applied = desk.apply(wish)
    assert applied.error is None
    [new] = applied.made[0].added_ids
    assert desk.world.account(desk.id).segments[new].values[field_id] == [{"value": "by the sea"}]
    assert preview(desk.access, wish).is_empty
    assert desk.rows("select change, thing_id from analytics.changes where thing = 'segment' order by observed_at") == [
        ("deleted", old),
        ("added", new),
    ]
    assert desk.rows(
        "select segment_id, lineage_id, generation, predecessor_id, successor_id, restored_from"
        f" from analytics.segment_lineage where lineage_id = {old} order by 1"
    ) == [(old, old, 0, None, new, None), (new, old, 1, old, None, was)]


@pytest.mark.parametrize("times", [1, 2])
def test_a_restored_segment_that_is_lost_again(desk: Desk, times: int) -> None:
    old = desk.world.add_segment(desk.id, "Gold")
    was = load(desk.access)[0].extracted.observed_at
    ids = [old]
    for _ in range(times + 1):
        desk.world.delete_segment(desk.id, ids[-1])
        with desk.emulator.faults.during(LOST, method="POST", times=times):
            applied = desk.apply(desk.past_wish(was, segment_ids={old}))
        assert applied.error is None
        ids += applied.made[-1].added_ids
    desk.world.rename_segment(desk.id, ids[-1], "Spoilt")
    [change] = preview(desk.access, desk.past_wish(was, segment_ids={old})).changes
    assert (change.action, change.thing_id) == ("change", ids[-1]), "it is known without its name"
    lineage = desk.rows(
        f"select segment_id, lineage_id, predecessor_id, successor_id from analytics.segment_lineage"
        f" where lineage_id = {old} order by 1"
    )
    assert lineage == [(old, old, None, ids[-1]), *((new, old, old, None) for new in ids[1:])]


def test_restored_stages_have_a_lineage_too(stages: Desk) -> None:
    was = load(stages.access)[0].extracted.observed_at
    one, two = (stage.id for stage in stages.own_stages())
    stages.world.delete_stage(stages.id, one)
    stages.world.delete_stage(stages.id, two)
    applied = stages.apply(stages.past_wish(was))
    assert applied.error is None
    assert len(stages.sent()) == 1
    new = applied.made[0].added_ids
    assert stages.rows(
        "select predecessor_id, stage_id from analytics.stage_lineage where predecessor_id is not null order by 2"
    ) == [(one, new[0]), (two, new[1])]
