"""Loads and daily scans of the simulated account by the real pipeline, each at its own simulated instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from commands.demo.simulated_account import SimulatedAccount
from emulator.simulation import DAY
from pipelines.base.errors import Unavailable
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from pipelines.load.load import PublishedLoad, load_account
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

LOAD_INTERVAL = timedelta(hours=6)

SCAN_PERIOD = timedelta(days=35)
"""Period before the last load with scans, enough for changes within 30 days. More scans take longer than all loads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadStep:
    """One attempt to load."""

    at: datetime
    loaded: PublishedLoad | None  # None during an outage, which leaves a gap


def load_times(started_at: datetime, after: datetime | None, until: datetime) -> list[datetime]:
    """Return the times of loads: every ``LOAD_INTERVAL`` from the start, after ``after`` and before ``until``."""
    first = 0 if after is None else (after - started_at) // LOAD_INTERVAL + 1
    end = -((started_at - until) // LOAD_INTERVAL)
    return [started_at + number * LOAD_INTERVAL for number in range(first, end)]


def simulate_loads(engine: Engine, simulated: SimulatedAccount, timestamps: list[datetime]) -> Iterator[LoadStep]:
    """Load at each timestamp, as a schedule would, and scan once a day."""
    for at in timestamps:
        simulated.set_time(at)
        try:
            loaded = load_account(LoadContext(engine, simulated.account, simulated.settings, clock=simulated.clock))
            if at >= timestamps[-1] - SCAN_PERIOD:
                scan_if_due(engine, simulated)
        except Unavailable:
            if not simulated.simulation.is_outage_at(at):
                raise
            loaded = None
        yield LoadStep(at=at, loaded=loaded)


def scan_if_due(engine: Engine, simulated: SimulatedAccount) -> None:
    """Scan the customers if the simulation's day has no scan yet."""
    simulation = simulated.simulation
    with transaction(engine) as connection:
        latest = connection.execute(statement("latest_scan"), {"account_id": simulation.account_id}).one_or_none()
    day = (simulated.clock.now() - simulation.started_at) // DAY
    if simulation.customers and (latest is None or (latest.started_at - simulation.started_at) // DAY < day):
        scan_customers(LoadContext(engine, simulated.account, simulated.settings, clock=simulated.clock))
