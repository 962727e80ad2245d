"""The simulated account as it is at an instant, over real HTTP, and the settings that let the real pipeline load it.

The story decides what it looks like, and whoever changed it by a command: the first change is what it is kept for.
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

NO_LIMIT = 10_000.0
"""Requests a second: the emulator needs no protection from us."""


class PersistentEmulator(Emulator):
    """An emulator whose world is in a file before anybody hears that it was changed."""

    def __init__(self, *, world: World, simulation: Simulation, file: Path) -> None:
        super().__init__(world=world, simulation=simulation)
        self._told = simulation
        self._file = file

    def respond(self, request: Request) -> WireResponse:
        """Answer, and keep what a write has changed."""
        with self.world.lock:
            wire = super().respond(request)
            if request.method != "GET":
                state.save(self._file, self.world, self._told)
        return wire


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAccount:
    """A running emulator, its story, and settings for it."""

    emulator: Emulator
    simulation: Simulation
    settings: Settings

    @property
    def account(self) -> AccountSettings:
        """The only account there is."""
        return self.settings.account()

    @property
    def clock(self) -> clock.Clock:
        """The emulator's time, for the pipeline: waiting passes in no time."""
        return clock.Clock(now=self.emulator.clock.now, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        self.emulator.clock.advance(timedelta(seconds=seconds))

    def set_time(self, instant: datetime) -> None:
        """Let it be ``instant``, from which time runs on as it does everywhere."""
        self.emulator.clock.advance(instant - self.emulator.clock.now())

    def set_time_to_present(self) -> None:
        """Let it be now. An outage that is going on is over, since whoever looks on wants to see a load."""
        now = datetime.now(UTC)
        self.set_time(now)
        if self.simulation.is_outage_at(now):
            self.simulation.advance(self.emulator.world, now)
            self.emulator.simulation = None


@contextmanager
def simulated_account(home: DemoHome, config: SimulationConfig, at: datetime) -> Iterator[SimulatedAccount]:
    """The account as it is at ``at``, for as long as the context lasts; never as it was before it was last changed."""
    time = Clock()
    world, simulation = World(clock=time), Simulation(config.seed, config.started_at, config.mode)
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
        settings = replace(home.settings, accounts=(account,), requests_per_second=NO_LIMIT)
        yield SimulatedAccount(emulator=emulator, simulation=simulation, settings=settings)


def load_world(file: Path, time: Clock) -> tuple[World, Simulation]:
    """The world as it was when it was last changed. Raises ``SettingsError`` where it cannot be gone on from."""
    try:
        world, simulation = state.load(file, time)
    except state.StateError as error:
        raise SettingsError(f"The demo cannot go on: {error}.", advice="Begin anew with 'demo --fresh'.") from None
    assert simulation is not None
    return world, simulation
