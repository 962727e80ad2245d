"""Living through the simulated account's days: load after load, each at its own instant, by the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from commands.demo.simulated import SimulatedAccount
from pipelines.errors import Unavailable
from pipelines.load import Loaded, load_account

BETWEEN_LOADS = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One load, or the attempt at one."""

    at: datetime
    loaded: Loaded | None  # None during an outage, which leaves a gap


def instants(started_at: datetime, after: datetime | None, until: datetime) -> list[datetime]:
    """When to load: every six hours from the beginning, later than ``after`` and earlier than ``until``."""
    first = 0 if after is None else (after - started_at) // BETWEEN_LOADS + 1
    end = -((started_at - until) // BETWEEN_LOADS)
    return [started_at + number * BETWEEN_LOADS for number in range(first, end)]


def live_through(engine: Engine, simulated: SimulatedAccount, moments: list[datetime]) -> Iterator[Step]:
    """Load at each of the moments, as a schedule would have."""
    for at in moments:
        simulated.go_to(at)
        try:
            loaded = load_account(engine, simulated.account, simulated.settings, clock=simulated.clock)
        except Unavailable:
            if not simulated.story.is_out(at):
                raise
            loaded = None
        yield Step(at=at, loaded=loaded)
