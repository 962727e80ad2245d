"""Transitions of an account's loads, from the warehouse's records."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator, effects
from emulator.faults import Effect
from pipelines.alerts.load_outcomes import record_notified, transitions_in_run, transitions_since
from pipelines.alerts.load_transitions import LoadTransition
from pipelines.base.errors import WarehouseError
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from tests.accounts import EmulatedAccount, emulator_clock, frozen_clock


class HourlyAccount(EmulatedAccount):
    """An account that is loaded hour by hour, each load in a run of its own by default."""

    run_id = 0

    def load_next(self, effect: Effect | None = None, *, is_same_run: bool = False) -> None:
        """Load an hour later, through a fault if one is given."""
        self.emulator.clock.advance(timedelta(hours=1))
        self.emulator.faults.clear()
        if effect:
            self.emulator.faults.add(effect)
        self.run_id += not is_same_run
        clock = emulator_clock(self.emulator)
        if effect:
            with pytest.raises(WarehouseError):
                load_account(
                    LoadContext(self.engine, self.account, self.settings, clock=clock, run_id=str(self.run_id))
                )
        else:
            load_account(LoadContext(self.engine, self.account, self.settings, clock=clock, run_id=str(self.run_id)))

    def transition(self) -> LoadTransition:
        """Transition of the latest run, of which somebody is notified."""
        [transition] = transitions_in_run(self.engine, str(self.run_id), ["corner", "other"])
        with self.engine.begin() as connection:
            record_notified(connection, [transition])
        return transition


def test_transitions_from_the_first_failure_to_recovery(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = HourlyAccount(emulator, engine, tmp_path, "corner")
    account.load_next(effects.error(401))
    assert account.transition().event == "begun", "though it was never loaded"
    account.load_next()
    assert account.transition().event == "over"
    account.load_next()
    assert account.transition().event is None
    account.load_next(effects.error(401))
    assert account.transition().event == "begun"
    since = emulator.clock.now()
    assert account.transition().since == since
    account.load_next(effects.error(401))
    assert account.transition().event is None
    account.load_next(effects.error(404))
    account.load_next(effects.error(401), is_same_run=True)
    assert account.transition().event is None, "only how a run ended counts"
    account.load_next(effects.error(404))
    changed = account.transition()
    assert (changed.event, changed.error, changed.error_before) == ("changed", "NotFound", "Unauthorized")
    emulator.clock.advance(timedelta(hours=24))
    account.load_next(effects.error(404))
    assert account.transition().event == "lasting"
    account.load_next(effects.error(404))
    account.load_next(is_same_run=True)
    over = account.transition()
    assert (over.event, over.since) == ("over", since)


def test_a_superseded_load_is_no_failure(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = HourlyAccount(emulator, engine, tmp_path, "corner")
    account.load_next()
    clock = frozen_clock(emulator.clock.now() - timedelta(minutes=5))
    with pytest.raises(WarehouseError):
        load_account(LoadContext(engine, account.account, account.settings, clock=clock, run_id="late"))
    assert transitions_in_run(engine, "late", ["corner"]) == []
    account.load_next()
    assert account.transition().event is None


def test_a_failure_that_nobody_was_told_of_is_new(emulator: Emulator, engine: Engine, tmp_path: Path) -> None:
    account = HourlyAccount(emulator, engine, tmp_path, "corner")
    account.load_next()
    account.load_next(effects.error(401))
    since = emulator.clock.now()
    account.load_next(effects.error(401))
    assert (account.transition().event, account.transition().event) == ("begun", None), "told once"
    account.load_next()
    account.load_next(effects.error(401))
    assert account.transition().event == "begun", "it recovered meanwhile, though nobody was told"
    account.load_next()
    account.load_next()
    found = account.transition()
    assert (found.event, found.error_before) == ("over", "Unauthorized"), "told as soon as somebody is told at all"
    assert found.since > since
    assert transitions_since(engine, since, ["corner"]) == [], "these loads were runs of Dagster"
