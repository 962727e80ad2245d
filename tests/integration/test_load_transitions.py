"""How an account's loads went in one run and before it, by the warehouse's own record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulator import Emulator, effects
from emulator.clock import Clock as EmulatorClock
from emulator.faults import Effect
from pipelines.alerts.load_outcomes import transitions_in_run
from pipelines.alerts.load_transitions import LoadTransition
from pipelines.base.clock import Clock
from pipelines.base.errors import WarehouseError
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from tests.records import START


class HourlyAccount:
    """An account that is loaded hour by hour, each load in a run of its own unless told otherwise."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path) -> None:
        """Open the account."""
        token = Secret(emulator.long_lived_token(emulator.world.add_account("Corner Coffee")))
        self.account = AccountSettings(key="corner", base_url=emulator.url, token=token)
        self.emulator, self.engine = emulator, engine
        self.settings = Settings(data_dir=root, requests_per_second=10_000.0)
        self.run_id = 0

    def load(self, effect: Effect | None = None, *, is_same_run: bool = False) -> None:
        """Load it an hour later, be it in vain."""
        self.emulator.clock.advance(timedelta(hours=1))
        self.emulator.faults.clear()
        if effect:
            self.emulator.faults.add(effect)
        self.run_id += not is_same_run
        clock = Clock(now=self.emulator.clock.now, sleep=lambda _: None)
        if effect:
            with pytest.raises(WarehouseError):
                load_account(
                    LoadContext(self.engine, self.account, self.settings, clock=clock, run_id=str(self.run_id))
                )
        else:
            load_account(LoadContext(self.engine, self.account, self.settings, clock=clock, run_id=str(self.run_id)))

    def transition(self) -> LoadTransition:
        """How it went in the newest run."""
        [transition] = transitions_in_run(self.engine, str(self.run_id), ["corner", "other"])
        return transition


def test_from_the_first_failure_to_the_end(engine: Engine, tmp_path: Path) -> None:
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account = HourlyAccount(emulator, engine, tmp_path)
        account.load(effects.error(401))
        assert account.transition().event == "begun", "though it was never loaded"
        account.load()
        assert account.transition().event == "over"
        account.load()
        assert account.transition().event is None
        account.load(effects.error(401))
        assert account.transition().event == "begun"
        since = emulator.clock.now()
        assert account.transition().since == since
        account.load(effects.error(401))
        assert account.transition().event is None
        account.load(effects.error(404))
        account.load(effects.error(401), is_same_run=True)
        assert account.transition().event is None, "only how a run ended counts"
        account.load(effects.error(404))
        assert (account.transition().event, account.transition().error, account.transition().error_before) == (
            "changed",
            "NotFound",
            "Unauthorized",
        )
        emulator.clock.advance(timedelta(hours=24))
        account.load(effects.error(404))
        assert account.transition().event == "lasting"
        account.load(effects.error(404))
        account.load(is_same_run=True)
        assert (account.transition().event, account.transition().since) == ("over", since)


def test_a_load_that_was_superseded_is_no_failure(engine: Engine, tmp_path: Path) -> None:
    with Emulator(clock=EmulatorClock(START)) as emulator:
        account = HourlyAccount(emulator, engine, tmp_path)
        account.load()
        clock = Clock(now=lambda: emulator.clock.now() - timedelta(minutes=5), sleep=lambda _: None)
        with pytest.raises(WarehouseError):
            load_account(LoadContext(engine, account.account, account.settings, clock=clock, run_id="late"))
        assert transitions_in_run(engine, "late", ["corner"]) == []
        account.load()
        assert account.transition().event is None
