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

RECENT_PERIOD = timedelta(days=30)
"""Period up to the present with a load every ``LOAD_INTERVAL``; before it there is one a day, since loads take time."""

DAILY_SCANS = timedelta(days=60)
"""Period up to the last load with daily scans, enough for jumps within 30 days; before it they are weekly."""

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadStep:
    """One attempt to load."""

    at: datetime
    loaded: PublishedLoad | None  # None during an outage, which leaves a gap


def load_times(started_at: datetime, after: datetime | None, until: datetime) -> list[datetime]:
    """Return the times of loads after ``after`` and before ``until``.

    In the ``RECENT_PERIOD`` they are every ``LOAD_INTERVAL``, counted from the start; before it once a day.
    """
    first = 0 if after is None else (after - started_at) // LOAD_INTERVAL + 1
    end = -((started_at - until) // LOAD_INTERVAL)
    times = (started_at + number * LOAD_INTERVAL for number in range(first, end))
    return [at for at in times if at >= until - RECENT_PERIOD or (at - started_at) % DAY == timedelta()]


def simulate_loads(engine: Engine, simulated: SimulatedAccount, timestamps: list[datetime]) -> Iterator[LoadStep]:
    """Load at each timestamp, as a schedule would, and scan: weekly at first, daily in ``DAILY_SCANS``."""
    for at in timestamps:
        simulated.set_time(at)
        try:
            loaded = load_account(LoadContext(engine, simulated.account, simulated.settings, clock=simulated.clock))
            scan_if_due(engine, simulated, DAY if at >= timestamps[-1] - DAILY_SCANS else WEEK)
        except Unavailable:
            if not simulated.simulation.is_outage_at(at):
                raise
            loaded = None
        yield LoadStep(at=at, loaded=loaded)


def scan_if_due(engine: Engine, simulated: SimulatedAccount, interval: timedelta = DAY) -> None:
    """Scan the customers if the simulation's present interval has no scan yet."""
    simulation = simulated.simulation
    with transaction(engine) as connection:
        latest = connection.execute(statement("latest_scan"), {"account_id": simulation.account_id}).one_or_none()
    number = (simulated.clock.now() - simulation.started_at) // interval
    if simulation.customers and (latest is None or (latest.started_at - simulation.started_at) // interval < number):
        scan_customers(LoadContext(engine, simulated.account, simulated.settings, clock=simulated.clock))
