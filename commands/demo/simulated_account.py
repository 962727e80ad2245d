"""Simulated account at a given instant, served over HTTP, with settings for loading it.

Its state follows from the simulation's parameters. Once a command has changed it, the state is saved in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commands.demo.home import ACCOUNT_KEY, DemoHome, SimulationConfig
from emulator import Clock, Emulator, World, state
from emulator.messages import Request
from emulator.simulation import Simulation
from emulator.wire_response import WireResponse
from pipelines.base import clock
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings


class PersistentEmulator(Emulator):
    """Emulator that saves its world before it responds to a change."""

    def __init__(self, *, world: World, simulation: Simulation, file: Path) -> None:
        super().__init__(world=world, simulations=[simulation])
        self._saved_simulations = self.simulations  # ``simulations`` may be switched off
        self._file = file

    def respond(self, request: Request) -> WireResponse:
        """Respond, and save the world after a write."""
        with self.world.lock:
            wire = super().respond(request)
            if request.method != "GET":
                state.save(self._file, self.world, self._saved_simulations)
        return wire


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAccount:
    """Running emulator, its simulation, and settings for loading it."""

    emulator: Emulator
    simulation: Simulation
    settings: Settings

    @property
    def account(self) -> AccountSettings:
        """The simulated account."""
        return self.settings.account()

    @property
    def clock(self) -> clock.Clock:
        """Clock of the emulator for the pipeline; sleeping advances it at once."""
        return clock.Clock(now=self.emulator.clock.now, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        self.emulator.clock.advance(timedelta(seconds=seconds))

    def set_time(self, instant: datetime) -> None:
        """Set the emulator's clock to ``instant``; it runs on from there."""
        self.emulator.clock.advance(instant - self.emulator.clock.now())

    def set_time_to_present(self) -> None:
        """Set the emulator's clock to the present and end any simulated outage, so that a load succeeds."""
        now = datetime.now(UTC)
        self.set_time(now)
        if self.simulation.is_outage_at(now):
            self.simulation.advance(self.emulator.world, now)
            self.emulator.simulations = ()


@contextmanager
def simulated_account(home: DemoHome, config: SimulationConfig, at: datetime) -> Iterator[SimulatedAccount]:
    """Run the emulator with the account's state at ``at``, or at its last change by a command if that is later."""
    time = Clock()
    world, simulation = World(clock=time), _create_simulation(config)
    if home.saved_world_file.exists():
        world, simulation = load_world(home.saved_world_file, time)
    at = max(at, simulation.at or at)
    time.advance(at - time.now())
    simulation.advance(world, at)
    with PersistentEmulator(world=world, simulation=simulation, file=home.saved_world_file) as emulator:
        account = AccountSettings(
            key=ACCOUNT_KEY,
            base_url=emulator.url,
            token=Secret(emulator.long_lived_token(simulation.account_id)),
        )
        settings = replace(home.settings, accounts=(account,))
        yield SimulatedAccount(emulator=emulator, simulation=simulation, settings=settings)


def _create_simulation(config: SimulationConfig) -> Simulation:
    return Simulation(config.seed, config.started_at, config.mode, customers=config.customers)


def load_world(file: Path, time: Clock) -> tuple[World, Simulation]:
    """Load the saved world. Raises ``SettingsError`` if the file is invalid."""
    try:
        world, (simulation,) = state.load(file, time)
    except state.StateError as error:
        raise SettingsError(f"The demo cannot continue: {error}.", advice="Start over with 'demo --fresh'.") from None
    return world, simulation
