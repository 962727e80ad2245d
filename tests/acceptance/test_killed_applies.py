"""Kill an apply before and after each lasting step, and apply again: nothing is doubled or lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from emulator import Emulator
from emulator.entities import Mode
from faults.killing import Deed, killed, make_mortal
from pipelines.amocrm.writes import WriteClient
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.past import read_snapshot_at
from pipelines.writeback import apply as module
from pipelines.writeback.apply import apply
from pipelines.writeback.live_account import load_live_account, preview_plan
from pipelines.writeback.plan_source import DesiredState, past_to_desired_state
from tests.accounts import account_settings, fast_settings, fetch_rows, ticking_clock
from tests.records import START, hours


def past_desired_state(access: LoadContext, account_id: int) -> DesiredState:
    """That the account be as it was when the test began."""
    with access.engine.connect() as connection:
        past = read_snapshot_at(connection, account_id, START + timedelta(minutes=59))
    assert past
    return past_to_desired_state(past, account_key=access.account.key)


def apply_until_killed(
    url: str, account: AccountSettings, settings: Settings, account_id: int, death: int, passed: Any
) -> None:
    """Restore the account, and be killed before or after the ``death``-th lasting step."""
    steps = ((module, "record_call"), (module, "record_outcome"), (WriteClient, "call"))
    make_mortal([Deed(holder=holder, name=name) for holder, name in steps], death=death, passed=passed)
    access = LoadContext(open_engine(url), account, settings, clock=ticking_clock(hours(2)))
    desired_state = past_desired_state(access, account_id)
    apply(access, desired_state, preview_plan(access, desired_state), who="victim")


class DamagedAccounts:
    """One emulator and one database, with any number of accounts in them that all lost the same."""

    def __init__(self, emulator: Emulator, engine: Engine, url: str, root: Path) -> None:
        self.emulator, self.world, self.engine, self.url = emulator, emulator.world, engine, url
        self.settings = fast_settings(root)

    def create_damaged_account(self, mode: Mode) -> tuple[LoadContext, int]:
        """An account whose history has two things that are gone, and one that is other now."""
        account_id = self.world.add_account(mode=mode)
        account = account_settings(self.emulator, account_id, f"account-{account_id}")
        access = LoadContext(self.engine, account, self.settings, clock=ticking_clock(hours(0)))
        add, delete, rename = (
            (self.world.add_segment, self.world.delete_segment, self.world.rename_segment)
            if mode == "segments"
            else (self.world.add_stage, self.world.delete_stage, self.world.rename_stage)
        )
        first, second, third = (add(account_id, name) for name in ("First", "Second", "Third"))
        load_live_account(access)
        delete(account_id, first)
        delete(account_id, second)
        rename(account_id, third, "3rd")
        return access, account_id

    def names(self, account_id: int) -> list[str]:
        account = self.world.account(account_id)
        stages = [one.name for one in account.live_stages() if not one.is_default]
        return sorted([*(one.name for one in account.live_segments()), *stages])


@pytest.fixture
def damaged_accounts(frozen_emulator: Emulator, engine: Engine, postgres_url: str, tmp_path: Path) -> DamagedAccounts:
    return DamagedAccounts(frozen_emulator, engine, postgres_url, tmp_path)


@pytest.mark.parametrize("mode", ["segments", "periodicity"])
def test_killed_anywhere_and_applied_again(damaged_accounts: DamagedAccounts, mode: Mode) -> None:
    kind = "segment" if mode == "segments" else "stage"
    uncertain_counts = set()
    for kill_point in range(10**6):
        access, account_id = damaged_accounts.create_damaged_account(mode)
        was_killed, _ = killed(
            apply_until_killed,
            damaged_accounts.url,
            access.account,
            access.settings,
            account_id,
            death=kill_point,
        )

        again = replace(access, clock=ticking_clock(hours(3)))
        desired_state = past_desired_state(again, account_id)
        plan = preview_plan(again, desired_state)
        if not plan.is_empty:
            assert apply(again, desired_state, plan, who="heir").error is None
        load_live_account(replace(access, clock=ticking_clock(hours(4))))

        assert damaged_accounts.names(account_id) == ["First", "Second", "Third"], f"after dying at moment {kill_point}"
        lineage = fetch_rows(
            damaged_accounts.engine,
            f"select count(*) from analytics.{kind}_lineage as old join analytics.{kind}_lineage as new"
            f" on new.{kind}_id = old.successor_id and new.account_id = old.account_id"
            " where old.account_id = :id and old.gone_at is not null and new.gone_at is null"
            f" and new.predecessor_id = old.{kind}_id and new.lineage_id = old.lineage_id",
            id=account_id,
        )
        uncertain = "select count(*) from amocrm.write_back where account_id = :id and outcome = 'uncertain'"
        uncertain_counts.update(fetch_rows(damaged_accounts.engine, uncertain, id=account_id))
        assert lineage == [(2,)], f"after dying at moment {kill_point}"
        if not was_killed:
            break
    assert kill_point == (18 if mode == "segments" else 12), (
        "three calls, or two; each written down, made and completed"
    )
    assert uncertain_counts == {(0,), (1,)}, "what nobody saw the end of and cannot be found out stays uncertain"
