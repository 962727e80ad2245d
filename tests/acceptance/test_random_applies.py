"""Random accounts, desired states and lost responses over HTTP: the desired state is reached once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from emulator import Clock as EmulatorClock
from emulator import Emulator, effects
from emulator.entities import Mode
from emulator.faults import Effect
from pipelines.base.clock import Clock
from pipelines.base.errors import UncertainWrite
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.writeback.apply import apply
from pipelines.writeback.desired import DesiredConfig, DesiredSegment, DesiredStage
from pipelines.writeback.live_account import load_live_account, preview_plan
from pipelines.writeback.plan_source import to_desired_state
from tests.records import START

NAMES = ("VIP", "Gold", "new", "'; drop table x; --", "%s {}", "Ёж 🦔", "a: b # c", "=cmd()")
COLORS = {"segments": ("ae003f", "10599d"), "periodicity": ("#fffeb2", "#d6eaff")}
LOSS_KINDS = ("reset", "502", "not done")

names = st.sampled_from(NAMES)
entity = st.fixed_dictionaries({"color": st.sampled_from((0, 1))}, optional={"is_deleted": st.just(value=True)})
losses = st.dictionaries(
    st.tuples(st.sampled_from(("POST", "PATCH", "DELETE")), st.integers(1, 3)), st.sampled_from(LOSS_KINDS)
)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(clock=EmulatorClock(START)) as running:
        yield running


def lost_response(kind: str, method: str, emulator: Emulator, account_id: int) -> Effect:
    """How an answer is lost: after the call was done, or with it."""
    if kind == "reset":
        return effects.reset()
    if kind == "502" or method != "POST":
        return effects.status(502)

    def undo(payload: Any) -> Any:
        for one in payload.get("_embedded", {}).get("statuses", ()):
            emulator.world.delete_stage(account_id, one["id"])
        if "_embedded" not in payload:
            emulator.world.delete_segment(account_id, payload["id"])
        return payload

    return replace(effects.status(503), payload=undo)


def custom_entities(emulator: Emulator, account_id: int, mode: Mode) -> dict[int, tuple[str, str]]:
    account = emulator.world.account(account_id)
    entities = account.live_segments() if mode == "segments" else account.live_stages()
    return {one.id: (one.name, one.color) for one in entities if not getattr(one, "is_default", False)}


@settings(max_examples=24, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    mode=st.sampled_from(("segments", "periodicity")),
    before=st.dictionaries(names, st.sampled_from((0, 1)), max_size=4),
    wanted=st.dictionaries(names, entity, max_size=5),
    is_complete=st.booleans(),
    lost=losses,
)
def test_the_account_is_as_wanted_in_the_end(
    emulator: Emulator,
    engine: Engine,
    tmp_path: Path,
    mode: Mode,
    before: dict[str, int],
    wanted: dict[str, dict[str, Any]],
    is_complete: bool,
    lost: dict[tuple[str, int], str],
) -> None:
    world, colors = emulator.world, COLORS[mode]
    account_id = world.add_account(mode=mode)
    for name, color in before.items():
        add = world.add_segment if mode == "segments" else world.add_stage
        add(account_id, name, color=colors[color])
    seconds = count()
    access = LoadContext(
        engine,
        AccountSettings(
            key=f"account-{account_id}", base_url=emulator.url, token=Secret(emulator.long_lived_token(account_id))
        ),
        Settings(data_dir=tmp_path, requests_per_second=10_000.0),
        clock=Clock(now=lambda: START + timedelta(seconds=next(seconds)), sleep=lambda _: None),
    )
    desired_state = to_desired_state(desired(mode, wanted, is_complete=is_complete), account_key=access.account.key)

    for (method, nth), kind in lost.items():
        effect = lost_response(kind, method, emulator, account_id)
        emulator.faults.add(effect, method=method, nth=nth, times=1, account_id=account_id)
    plan = preview_plan(access, desired_state)
    if not plan.is_empty:
        first = apply(access, desired_state, plan, who="hypothesis")
        assert first.error is None or isinstance(first.error, UncertainWrite)
    emulator.faults.clear()
    plan = preview_plan(access, desired_state)
    if not plan.is_empty:
        assert apply(access, desired_state, plan, who="hypothesis").error is None
    assert preview_plan(access, desired_state).is_empty

    expected = {} if is_complete else {name: colors[color] for name, color in before.items()}
    expected |= {name: colors[one["color"]] for name, one in wanted.items()}
    for name in (name for name, one in wanted.items() if one.get("is_deleted")):
        expected.pop(name, None)
    entities = custom_entities(emulator, account_id, mode)
    assert sorted(entities.values()) == sorted(expected.items())
    load_live_account(access)
    check_records(engine, account_id, entities)


def desired(mode: Mode, wanted: dict[str, dict[str, Any]], *, is_complete: bool) -> DesiredConfig:
    """What is wanted, in a file's terms."""
    if mode == "segments":
        segments = tuple(
            DesiredSegment(name=name, is_deleted=one.get("is_deleted", False), color=COLORS[mode][one["color"]])
            for name, one in wanted.items()
        )
        return DesiredConfig(source="test", segments=segments, complete=frozenset(["segment"] if is_complete else ()))
    stages = tuple(
        DesiredStage(name=name, sort=7, is_deleted=one.get("is_deleted", False), color=COLORS[mode][one["color"]])
        for name, one in wanted.items()
    )
    return DesiredConfig(source="test", stages=stages, complete=frozenset(["stage"] if is_complete else ()))


def check_records(engine: Engine, account_id: int, entities: dict[int, tuple[str, str]]) -> None:
    """Every thing that a call added is recorded once; every call that is recorded as done shows in the changes."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "select action, thing, thing_id, outcome, observed_at from analytics.write_backs where account_id = :id"
            ),
            {"id": account_id},
        ).all()
        changes = {
            (row.change, row.thing, row.thing_id, row.observed_at)
            for row in connection.execute(
                text("select change, thing, thing_id, observed_at from analytics.changes where account_id = :id"),
                {"id": account_id},
            )
        }
    done = [row for row in rows if row.outcome == "done"]
    added = [row.thing_id for row in done if row.action == "add"]
    assert len(added) == len(set(added))
    assert set(added) <= entities.keys()
    words = {"add": "added", "change": "changed", "delete": "deleted"}
    for row in done:
        assert (words[row.action], row.thing, row.thing_id, row.observed_at) in changes
