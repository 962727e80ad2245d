"""``python -m faults.running``: kill loaders of running schedules until enough loads were interrupted.

Dagster's daemon loads some accounts, cron the others. At the end all load again, and every row of
every snapshot is compared with the emulator's states.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psycopg

from assets.names import LOAD_SCHEDULE
from emulator import Emulator
from faults.harness import Harness, open_harness
from faults.running.accounts import EmulatedAccounts, state_of
from faults.running.cron import Cron
from faults.running.daemon import Daemon, Fleet
from faults.running.judge import broken_of, figures
from faults.running.readers import Readers
from pipelines.base.atomic_file import replace_file

OF_THE_DAEMON: Final = 40
OF_CRON: Final = 24
PATIENCE: Final = 600.0
"""Timeout in seconds for loading all accounts without kills."""

LOADED_SINCE: Final = """
    select account_id, segment.name, segment.customers_count
    from analytics.segments as segment join analytics.freshness using (account_id) where freshness.observed_at > %s
"""


def main() -> int:
    """Run, print the figures, and return 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m faults.running", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="maximum duration")
    parser.add_argument("--loads", type=int, default=200, help="loads to kill, at least half of them the daemon's")
    parser.add_argument("--seed", type=int, default=0, help="seed of random choices")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[2] / "data/faults/running.json")
    arguments = parser.parse_args()
    with open_harness(seed=arguments.seed, is_quick=False) as harness:
        said = run_and_kill(harness, loads=arguments.loads, seconds=60 * arguments.minutes)
    replace_file(arguments.output, f"{json.dumps(said, indent=1)}\n".encode())
    print(json.dumps(said, indent=1))
    return 0 if said["is_held"] else 1


def run_and_kill(harness: Harness, *, loads: int, seconds: float) -> dict[str, Any]:
    """Kill loaders, and return the figures."""
    chances, wrong = harness.chance("running"), list[str]()
    with ExitStack() as running:
        emulator = running.enter_context(Emulator())
        emulated = EmulatedAccounts(emulator, OF_THE_DAEMON + OF_CRON, chances)
        folder = harness.folder / "site"
        folder.mkdir()
        fleet = Fleet(folder, harness.url, emulator, emulated, emulated.ids[:OF_THE_DAEMON])
        fleet.dagster("schedule", "start", LOAD_SCHEDULE)
        instance = running.enter_context(dg.DagsterInstance.from_config(str(fleet.home)))
        connection = running.enter_context(psycopg.connect(harness.url, autocommit=True))
        shared: dict[str, Any] = {
            "emulated": emulated, "emulator": emulator, "connection": connection, "chances": chances,
        }  # fmt: skip
        cron = Cron(
            kind="processes of cron",
            session=os.getsid(0),
            url=harness.url,
            folder=harness.folder,
            account_ids=emulated.ids[OF_THE_DAEMON:],
            **shared,
        )
        running.callback(cron.end)
        session = running.enter_context(fleet.daemon())
        daemon = Daemon(kind="workers of Dagster", session=session, fleet=fleet, instance=instance, **shared)
        until_loaded(daemon, cron)
        readers = running.enter_context(Readers(harness.url, emulated.ids))
        daemon.is_on = cron.is_on = True
        end = time.monotonic() + seconds

        def killed(killer: Daemon | Cron) -> int:
            return sum(len(one.accounts) for one in killer.kills)

        while killed(daemon) + min(killed(cron), loads // 2) < loads and time.monotonic() < end:
            if chances.random() < 0.02:
                emulated.change_some()
            killers: list[Daemon | Cron] = [daemon, cron] if killed(cron) < loads else [daemon]
            for killer in killers:
                if struck := killer.step():
                    print(f"loads killed: {killed(daemon)} of the daemon, {killed(cron)} of cron", flush=True)
                    wrong += [f"after a kill: {one}" for one in broken_of(harness.engine, struck.accounts)]
            time.sleep(0.005)
        daemon.is_on = cron.is_on = False
        began = time.monotonic()
        until_loaded(daemon, cron)
        converged = time.monotonic() - began
    kills = [*daemon.kills, *cron.kills]
    found = figures(kills, emulated, emulator.world, harness, readers.looks, wrong)
    return found | {"seconds_until_all_were_loaded": round(converged, 1), "at": datetime.now(UTC).isoformat()}


def until_loaded(daemon: Daemon, cron: Cron) -> None:
    """Wait until every account has loaded its current state."""
    emulated, since, end = daemon.emulated, datetime.now(UTC), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for _ in range(100):
            daemon.step()
            cron.step()
            time.sleep(0.01)
        rows = daemon.connection.execute(LOADED_SINCE, (since,)).fetchall()
        shown = {one: state_of((name, size) for its, name, size in rows if its == one) for one in emulated.ids}
        if all(shown[one] == len(emulated.states[one]) - 1 for one in emulated.ids):
            return
    raise TimeoutError("the accounts were not loaded")


if __name__ == "__main__":
    sys.exit(main())
