"""Random histories of an account, loaded over HTTP into a real Postgres.

The emulator is the oracle. After every load the invariants I1 to I8 are checked; at the end of a life the tables are
made anew from the raw answers, in another database, and compared.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Engine

from emulator import Emulator, effects
from emulator.clock import Clock as EmulatorClock
from emulator.entities import Field, Mode
from emulator.faults import Effect
from faults.oracle import (
    days_of_shown,
    false_endings,
    field_row,
    segment_row,
    stage_row,
    stored_days,
    stored_fields,
    stored_snapshots,
    stored_stages,
    table_contents,
)
from pipelines.base.clock import Clock
from pipelines.base.errors import Superseded, WarehouseError
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.load.rebuild import rebuild_account
from tests.accounts import account_settings, fast_settings, frozen_clock

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FIELD_TYPES = (
    "text", "numeric", "checkbox", "select", "multiselect", "date", "url", "date_time", "textarea", "radiobutton",
    "streetaddress",
)  # fmt: skip
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
) | st.sampled_from(["VIP", "'; drop table x; --", "%s", "{}", "$$", "\\.", "</script>", "=cmd()", "Ёж 🦔", "\t\n"])
FAULTS: dict[str, Effect] = {
    "server error": effects.status(503),
    "an error document called 200": effects.error_called_200(),
    "a page for people": effects.html(),
    "no content": effects.no_content(),
    "an empty list": effects.items(lambda _: []),
    "half a list": effects.items(lambda items: items[: len(items) // 2]),
    "not found": effects.error(404),
    "not allowed": effects.error(403),
    "mode off": effects.error(422),
    "cut short": effects.truncated(),
    "gzip cut short": effects.gzip_cut_short(),
    "not JSON": effects.trailing_comma(),
    "keys twice": effects.duplicate_keys(),
    "wrong page": effects.page_number(7),
    "looping": effects.looping_next(),
    "reset": effects.reset(),
}
RESOURCES = ("account", "stages", "segments", "fields", "segment", "stage", "field")
MODES: tuple[Mode, ...] = ("segments", "periodicity", "disabled", "dynamic")


class AccountMachine(RuleBasedStateMachine):
    """One account's life. Changes and loads in any order; every load may see anything from nothing to much."""

    def __init__(self, emulator: Emulator, engine: Engine, other: Engine, root: Any) -> None:
        super().__init__()
        self.emulator, self.engine, self.other = emulator, engine, other
        self.world = emulator.world
        self.settings = fast_settings(root, raw_retention_days=3650)
        self.shown: dict[datetime, list[Any]] = {}  # what the emulator showed at every snapshot
        self.now = BEGIN

    @initialize(
        mode=st.sampled_from(MODES),
        timezone=st.sampled_from(["Europe/Moscow", "Pacific/Kiritimati", "America/New_York"]),
    )
    def begin(self, mode: Mode, timezone: str) -> None:
        """Open an account."""
        self.emulator.clock.set(self.now)
        self.account_id = self.world.add_account(mode=mode, timezone=timezone)
        self.timezone = timezone
        self.account = account_settings(self.emulator, self.account_id, f"account-{self.account_id}")

    # What can happen in the account.

    def live(self, kind: str) -> list[Any]:
        account = self.world.account(self.account_id)
        return [one for one in getattr(account, kind).values() if one.deleted_at is None]

    def pick(self, kind: str, index: int, *, deleted: bool = False) -> Any | None:
        """One of the things there are (or were, if ``deleted``), or None."""
        things = [
            one
            for one in getattr(self.world.account(self.account_id), kind).values()
            if (one.deleted_at is not None) is deleted
        ]
        return things[index % len(things)] if things else None

    @rule(name=NAMES, size=st.integers(0, 5000))
    def add_segment(self, name: str, size: int) -> None:
        self.world.add_segment(self.account_id, name, size=size)

    @rule(index=st.integers(0, 99), size=st.integers(0, 5000))
    def resize_segment(self, index: int, size: int) -> None:
        if segment := self.pick("segments", index):
            self.world.set_size(self.account_id, segment.id, size)

    @rule(index=st.integers(0, 99), name=NAMES)
    def rename_segment(self, index: int, name: str) -> None:
        if segment := self.pick("segments", index):
            self.world.rename_segment(self.account_id, segment.id, name)

    @rule(index=st.integers(0, 99), prices=st.lists(st.integers(1, 5), max_size=3, unique=True))
    def price_segment(self, index: int, prices: list[int]) -> None:
        if segment := self.pick("segments", index):
            self.world.set_price_fields(self.account_id, segment.id, prices)

    @rule(index=st.integers(0, 99), value=NAMES)
    def give_segment_an_unknown_key(self, index: int, value: str) -> None:
        if segment := self.pick("segments", index):
            self.world.set_segment_extra(self.account_id, segment.id, "bonus_points_limit", value)

    @rule(index=st.integers(0, 99))
    def delete_segment(self, index: int) -> None:
        if segment := self.pick("segments", index):
            self.world.delete_segment(self.account_id, segment.id)

    @rule(index=st.integers(0, 99))
    def bring_segment_back(self, index: int) -> None:
        if segment := self.pick("segments", index, deleted=True):
            self.world.restore_segment(self.account_id, segment.id)

    @rule(name=NAMES, kind=st.sampled_from(FIELD_TYPES))
    def add_field(self, name: str, kind: str) -> None:
        options = ("one", "two", "three") if kind in ("select", "multiselect", "radiobutton") else ()
        if len(self.live("fields")) < 30:
            self.world.add_field(self.account_id, name, kind, options=options)

    @rule(index=st.integers(0, 99), name=NAMES)
    def rename_field(self, index: int, name: str) -> None:
        if field := self.pick("fields", index):
            self.world.rename_field(self.account_id, field.id, name)

    @rule(index=st.integers(0, 99))
    def delete_field(self, index: int) -> None:
        if field := self.pick("fields", index):
            self.world.delete_field(self.account_id, field.id)

    @rule(index=st.integers(0, 99))
    def bring_field_back(self, index: int) -> None:
        if field := self.pick("fields", index, deleted=True):
            self.world.restore_field(self.account_id, field.id)

    @rule(
        index=st.integers(0, 99), which=st.integers(0, 99), name=NAMES, how=st.sampled_from(["rename", "add", "remove"])
    )
    def change_options(self, index: int, which: int, name: str, how: str) -> None:
        choices = [field for field in self.live("fields") if field.options]
        if not choices:
            return
        field = choices[index % len(choices)]
        option_id = list(field.options)[which % len(field.options)]
        if how == "add":
            self.world.add_option(self.account_id, field.id, name)
        elif how == "rename":
            self.world.rename_option(self.account_id, field.id, option_id, name)
        else:
            self.world.remove_option(self.account_id, field.id, option_id)

    @rule(index=st.integers(0, 99), which=st.integers(0, 99), data=st.data())
    def set_value(self, index: int, which: int, data: st.DataObject) -> None:
        segment, field = self.pick("segments", index), self.pick("fields", which)
        if segment and field:
            value = data.draw(values_of(field))
            self.world.set_field_value(self.account_id, segment.id, field.id, value)

    @rule(name=NAMES)
    def add_stage(self, name: str) -> None:
        self.world.add_stage(self.account_id, name)

    @rule(index=st.integers(0, 99), name=NAMES)
    def rename_stage(self, index: int, name: str) -> None:
        if stage := self.pick("stages", index):
            self.world.rename_stage(self.account_id, stage.id, name)

    @rule(index=st.integers(0, 99), days=st.integers(0, 60))
    def change_rules(self, index: int, days: int) -> None:
        if stage := self.pick("stages", index):
            one = {"type": "after_today", "match": {"value": days}, "conditions": [{"value": days}]}
            self.world.set_stage_conditions(self.account_id, stage.id, [[one], [], [one, one]][: days % 4])

    @rule(index=st.integers(0, 99))
    def delete_stage(self, index: int) -> None:
        stage = self.pick("stages", index)
        if stage and not stage.is_default:
            self.world.delete_stage(self.account_id, stage.id)

    @rule(mode=st.sampled_from(MODES))
    def switch_mode(self, mode: Mode) -> None:
        self.world.switch_mode(self.account_id, mode)

    # Loading.

    @rule(minutes=st.integers(1, 3000))
    def load(self, minutes: int) -> None:
        """Load whatever there is, some time later, and compare everything with what was shown."""
        self.pass_time(minutes)
        loaded = load_account(LoadContext(self.engine, self.account, self.settings, clock=self.clock))
        self.shown[self.now] = sorted(
            segment_row(item, self.timezone) for item in self.world.shown_segments(self.account_id)
        )
        assert loaded.published.is_new
        self.check()

    @rule(minutes=st.lists(st.sampled_from([1, 60, 700, 1440, 200_000]), max_size=3))
    def load_what_did_not_change(self, minutes: list[int]) -> None:
        """A load in which nothing changed, on a day that has one already, writes one ledger row."""
        if not self.shown:
            return
        self.load(0)
        for some in minutes:
            self.load(some)
        before = self.contents()
        self.now += timedelta(microseconds=1)
        loaded = load_account(LoadContext(self.engine, self.account, self.settings, clock=self.clock))
        self.shown[self.now] = self.shown[max(self.shown)]
        assert loaded.published.row_counts == {"snapshot": 1}
        after = self.contents()
        assert set(after.pop("snapshot")) > set(before.pop("snapshot"))
        assert after == before

    @rule()
    def load_with_the_clock_set_back(self) -> None:
        """A load that is not newer than the newest snapshot changes nothing."""
        if not self.shown:
            return
        before = self.contents()
        earlier = frozen_clock(max(self.shown) - timedelta(seconds=1))
        with pytest.raises(Superseded):
            load_account(LoadContext(self.engine, self.account, self.settings, clock=earlier))
        assert self.contents() == before

    @rule(fault=st.sampled_from(sorted(FAULTS)), resource=st.sampled_from(RESOURCES), times=st.sampled_from([1, 2, 99]))
    def load_through_a_fault(self, fault: str, resource: str, times: int) -> None:
        """Whatever the API answers, either the right data are stored or nothing is touched."""
        if times > 1 and not self.is_witnessed(resource):
            return
        before = self.contents()
        self.pass_time(1)
        with self.emulator.faults.during(FAULTS[fault], resource=resource, times=times):
            try:
                load_account(LoadContext(self.engine, self.account, self.settings, clock=self.clock))
            except WarehouseError:
                assert self.contents() == before
                return
        self.shown[self.now] = sorted(
            segment_row(item, self.timezone) for item in self.world.shown_segments(self.account_id)
        )
        self.check()

    def is_witnessed(self, resource: str) -> bool:
        """Whether a list that lies again and again would be caught: it lacks things that are known, when asked by id.

        A list that has always lied, or whose only news is new things, cannot be told from the truth.
        """
        with self.engine.connect() as connection:
            known = {
                row[0] for row in stored_snapshots(connection, self.account_id).get(max(self.shown, default=BEGIN), [])
            }
            fields = stored_fields(connection, self.account_id)
            stages = {row[0] for row in stored_stages(connection, self.account_id)}
        now = {
            "segments": ({one["id"] for one in self.world.shown_segments(self.account_id)}, known),
            "fields": ({one["id"] for one in self.world.shown_fields(self.account_id)}, set(fields)),
            "stages": ({one["id"] for one in self.world.shown_stages(self.account_id)}, stages),
        }
        shown, stored = now.get(resource, (set(), set()))
        return shown == stored

    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes, microseconds=1)
        self.emulator.clock.set(self.now)

    @property
    def clock(self) -> Clock:
        return frozen_clock(self.now)

    # What must be true.

    def check(self) -> None:
        """After a load: I1, I2, I4, I5, I6, I8; what Postgres itself refuses (I3) need not be asked again."""
        with self.engine.connect() as connection:
            assert stored_snapshots(connection, self.account_id) == self.shown
            assert stored_stages(connection, self.account_id) == sorted(
                stage_row(item) for item in self.world.shown_stages(self.account_id)
            )
            assert stored_fields(connection, self.account_id) == {
                item["id"]: field_row(item) for item in self.world.shown_fields(self.account_id)
            }
            assert not false_endings(connection, self.world, self.account_id)
            assert stored_days(connection, self.account_id) == days_of_shown(self.shown, self.timezone)

    def contents(self) -> dict[str, list[Any]]:
        with self.engine.connect() as connection:
            return table_contents(connection, self.account_id)

    def teardown(self) -> None:
        """I7: the tables made anew from the raw answers are the same."""
        if not self.shown:
            return
        assert rebuild_account(self.engine, self.other, self.account_id).snapshot_count == len(self.shown)
        with self.other.connect() as connection:
            assert table_contents(connection, self.account_id) == self.contents()


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Values a field of this type may hold, None for none."""
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "numeric": st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=3),
        "checkbox": st.just(True),
        "date": st.dates(date(1970, 1, 3), date(2100, 1, 1)),
        "date_time": st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    }
    if field.options:
        options = st.sampled_from(sorted(field.options))
        chosen = st.lists(options, unique=True, max_size=3) if field.type == "multiselect" else options
        return st.none() | chosen
    return st.none() | by_type.get(field.type, NAMES)


def test_random_lives_are_stored_as_they_were_shown(engine: Engine, other_engine: Engine, tmp_path: Path) -> None:
    with Emulator(clock=EmulatorClock(BEGIN)) as emulator:
        run_state_machine_as_test(
            lambda: AccountMachine(emulator, engine, other_engine, tmp_path),  # type: ignore[arg-type] # any maker will do
            settings=settings(
                max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
