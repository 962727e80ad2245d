"""The simulated account as it is at an instant, over real HTTP, and the settings that let the real pipeline load it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from commands.demo.home import ACCOUNT_KEY, DemoHome, Simulation
from emulator import Clock, Emulator, World
from emulator.story import Story
from pipelines import clock
from pipelines.secret import Secret
from pipelines.settings import AccountSettings, Settings

NO_LIMIT = 10_000.0
"""Requests a second: the emulator needs no protection from us."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAccount:
    """A running emulator, its story, and settings for it."""

    emulator: Emulator
    story: Story
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

    def go_to(self, instant: datetime) -> None:
        """Let it be ``instant``, from which time runs on as it does everywhere."""
        self.emulator.clock.advance(instant - self.emulator.clock.now())

    def go_to_present(self) -> None:
        """Let it be now. An outage that is going on is over, since whoever looks on wants to see a load."""
        now = datetime.now(UTC)
        self.go_to(now)
        if self.story.is_out(now):
            self.story.advance(self.emulator.world, now)
            self.emulator.story = None


@contextmanager
def simulated_account(home: DemoHome, simulation: Simulation, at: datetime) -> Iterator[SimulatedAccount]:
    """The account as it is at ``at``, for as long as the context lasts."""
    time = Clock()
    time.advance(at - time.now())
    world = World(clock=time)
    story = Story(simulation.seed, simulation.started_at, simulation.mode)
    story.advance(world, at)
    with Emulator(world=world, story=story) as emulator:
        account = AccountSettings(
            key=ACCOUNT_KEY,
            base_url=emulator.url,
            token=Secret(emulator.long_lived_token(story.account_id)),
        )
        settings = replace(home.settings, accounts=(account,), requests_per_second=NO_LIMIT)
        yield SimulatedAccount(emulator=emulator, story=story, settings=settings)
