"""Find the limit: simulate 100 to 100,000 accounts loaded every hour, request by request.

A load asks amoCRM one thing after the other, each waiting for its turn at the address's pace; then it takes a core of
its machine, and one of Postgres. ``--measure`` takes what a load costs from loads into a real Postgres here; without it
the figures in ``docs/scaling.md`` are used. A full account is simulated: 100 segments with 30 fields.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.one_account import change_all, emulator_process
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import database_url, open_engine
from pipelines.warehouse.migrate import migrate

FLEETS: Final = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
HOUR: Final = 3600.0
IN_TIME: Final = 50 * 60.0
"""Seconds within which every account must be loaded, which leaves time for retries in the hour."""

ADDRESS_LIMIT: Final = 7.0
"""Requests a second that amoCRM allows an integration from one address, and 50 a second for one account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Cost of one load."""

    requests: int
    response_seconds: float  # from sending a request to the answer's last byte, over the Internet
    loader_seconds: float  # of one core of the machine that loads
    postgres_seconds: float  # of one core of the database's


UNCHANGED: Final = Cost(requests=3, response_seconds=0.25, loader_seconds=0.010, postgres_seconds=0.002)
CHANGED: Final = Cost(requests=3, response_seconds=0.25, loader_seconds=0.135, postgres_seconds=0.037)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Machines that load the fleet. Each has its own IP address."""

    machines: int = 1
    cores: int = 2  # of each machine
    threads: int = 32  # accounts that a machine loads at a time
    pace: float = 6.0  # requests a second that a machine sends to all accounts together, by default
    postgres_cores: int = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Result of one round over all accounts."""

    seconds: float  # until the last account was loaded
    address_share: float  # of that time that addresses, cores and Postgres were busy: the largest one binds
    loader_share: float
    postgres_share: float

    @property
    def binding(self) -> str:
        """The bottleneck of the round."""
        shares = {"address": self.address_share, "loader": self.loader_share, "Postgres": self.postgres_share}
        busiest = max(shares, key=lambda name: shares[name])
        return busiest if shares[busiest] > 0.8 else "waiting for answers"


class Servers:
    """Equal servers with one queue, first come, first served."""

    def __init__(self, count: int) -> None:
        """Begin with free servers."""
        self._free_at = [0.0] * count
        self.busy_seconds = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """Return when a job that arrives now is done. Calls must be in order of time."""
        done = max(now, self._free_at[0]) + seconds
        heapq.heapreplace(self._free_at, done)
        self.busy_seconds += seconds
        return done


def simulate(accounts: int, cost: Cost, site: Site) -> Outcome:
    """Load every account once, all due at the same moment."""
    addresses = [Servers(1) for _ in range(site.machines)]
    loaders = [Servers(site.cores) for _ in range(site.machines)]
    postgres = Servers(site.postgres_cores)
    waiting = [len(range(machine, accounts, site.machines)) for machine in range(site.machines)]
    events: list[tuple[float, int, int]] = []  # when, on which machine, how many steps of the load are done
    for machine in range(site.machines):
        for _ in range(min(site.threads, waiting[machine])):
            waiting[machine] -= 1
            heapq.heappush(events, (0.0, machine, 0))
    now = 0.0
    while events:
        now, machine, step = heapq.heappop(events)
        if step < cost.requests:
            after = addresses[machine].serve(now, 1 / site.pace) + cost.response_seconds
        elif step == cost.requests:
            after = loaders[machine].serve(now, cost.loader_seconds)
        elif step == cost.requests + 1:
            after = postgres.serve(now, cost.postgres_seconds)
        else:
            if waiting[machine]:
                waiting[machine] -= 1
                heapq.heappush(events, (now, machine, 0))
            continue
        heapq.heappush(events, (after, machine, step + 1))
    return Outcome(
        seconds=now,
        address_share=sum(one.busy_seconds for one in addresses) / (now * site.machines),
        loader_share=sum(one.busy_seconds for one in loaders) / (now * site.machines * site.cores),
        postgres_share=postgres.busy_seconds / (now * site.postgres_cores),
    )


def enough(accounts: int, cost: Cost, site: Site) -> tuple[Site, Outcome]:
    """Fewest machines and Postgres cores that load every account in time."""
    machines = math.ceil(accounts * cost.requests / site.pace / IN_TIME)
    cores = max(site.postgres_cores, math.ceil(accounts * cost.postgres_seconds / IN_TIME / 0.8))
    while True:
        tried = replace(site, machines=machines, postgres_cores=cores)
        outcome = simulate(accounts, cost, tried)
        if outcome.seconds <= IN_TIME:
            return tried, outcome
        machines += 1


def main() -> None:
    """Print the cost of a load and the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure what a load costs here, about half a minute")
    parser.add_argument("--pace", type=float, default=Site().pace, help=f"requests a second, up to {ADDRESS_LIMIT:g}")
    arguments = parser.parse_args()
    costs = measured() if arguments.measure else {"nothing changed": UNCHANGED, "all changed": CHANGED}
    site = Site(pace=min(arguments.pace, ADDRESS_LIMIT))
    for name, cost in costs.items():
        print(f"\n{name}: {cost}, {site.pace:g} requests a second from an address")
        print("| accounts | one machine | binds | machines in time | minutes | cores of Postgres | requests a second |")
        print("|---:|---:|---|---:|---:|---:|---:|")
        for accounts in FLEETS:
            print(row(accounts, cost, site))


def row(accounts: int, cost: Cost, site: Site) -> str:
    """Table row of one fleet: on one machine, and on as many as needed."""
    alone = simulate(accounts, cost, site)
    needed, outcome = enough(accounts, cost, site)
    return (
        f"| {accounts:,} | {alone.seconds / 60:,.1f} min | {alone.binding} | {needed.machines} "
        f"| {outcome.seconds / 60:.0f} | {accounts * cost.postgres_seconds / outcome.seconds:.2f} "
        f"| {accounts * cost.requests / outcome.seconds:,.0f} |"
    )


def measured(loads: int = 20) -> dict[str, Cost]:
    """Measure the average cost of loading a full account, on the durable embedded server."""
    with TemporaryDirectory() as temporary, emulator_process() as (emulator_url, token, pipe):
        folder = Path(temporary)
        folder.chmod(0o755)
        settings = Settings(data_dir=folder, requests_per_second=10_000.0)
        account = AccountSettings(key="full", base_url=emulator_url, token=Secret(token))
        with database_url(settings) as url:
            engine = open_engine(url)
            migrate(engine)
            load_account(LoadContext(engine, account, settings))
            costs = {}
            for name, template in (("nothing changed", UNCHANGED), ("all changed", CHANGED)):
                own, before = 0.0, server_seconds(folder / "postgres")
                for _ in range(loads):
                    if name == "all changed":
                        change_all(pipe)
                    began = time.process_time()
                    requests = load_account(LoadContext(engine, account, settings)).extracted.request_count
                    own += time.process_time() - began
                costs[name] = replace(
                    template,
                    requests=requests,
                    loader_seconds=round(own / loads, 4),
                    postgres_seconds=round((server_seconds(folder / "postgres") - before) / loads, 4),
                )
            engine.dispose()
    return costs


def server_seconds(cluster: Path) -> float:
    """CPU seconds of the server's processes, ended ones included. Linux only."""
    [pid_file] = cluster.rglob("postmaster.pid")
    postmaster = int(pid_file.read_text(encoding="ascii").splitlines()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(stat.parent.name) == postmaster:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
