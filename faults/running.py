"""Workers of a running schedule, killed at random moments of their loads, while a reader looks at the views.

``python -m faults.running`` starts Dagster's daemon with the schedule switched on for many emulated accounts, kills run
workers until enough loads were on their way in them, lets the next ticks load what is left, and then counts rows lost
and doubled.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import dagster as dg
import psycopg
from sqlalchemy import Engine

from assets.on_their_way import LOAD_FLEET, PARTITION_TAG
from assets.schedules import SCHEDULE_NAME
from emulator import Emulator
from faults import witness
from faults.crowd import Crowd, state_of
from faults.dagster_site import Site, until, worker
from faults.invariants import broken
from faults.lab import Lab, open_lab
from faults.poller import Poller
from faults.struck import Strike, strike
from pipelines.buckets import Bucket
from pipelines.rebuild import rebuild_account
from pipelines.settings import Settings, load_settings

ACCOUNTS: Final = 72
BUCKETS: Final = 6
THREADS: Final = 6
LOADED_SINCE: Final = """
    select account_id, segment.name, segment.customers_count
    from analytics.segments as segment join analytics.freshness using (account_id) where freshness.observed_at > %s
"""
SPARED: Final = 0.15
"""The share of runs that are not killed, so that every account is loaded now and then."""


class Fleet(Site):
    """Dagster's programs for a crowd of accounts, one run a bucket, a tick a minute: a schedule knows no less."""

    def __init__(self, folder: Path, url: str, emulator: Emulator, crowd: Crowd) -> None:
        super().__init__(folder, url, emulator)
        self.crowd = crowd
        needless = ("AMOCRM_ALERT_WEBHOOK_URL", "AMOCRM_REQUESTS_PER_SECOND")  # an emulator is asked at no pace
        self.environ = {name: one for name, one in self.environ.items() if name not in needless} | {
            "AMOCRM_FLEET_BUCKETS": str(BUCKETS),
            "AMOCRM_THREADS": str(THREADS),
            "AMOCRM_SCHEDULE_CRON": "* * * * *",
            "AMOCRM_RAW_RETENTION_DAYS": "3650",
            **{f"TOKEN_{account_id}": token for account_id, token in crowd.tokens.items()},
        }
        lines = (
            f'[accounts.account-{one}]\nhost = "{emulator.host}"\ntoken_env = "TOKEN_{one}"\n' for one in crowd.ids
        )
        (folder / "accounts.toml").write_text("".join(lines), encoding="utf-8")

    @property
    def settings(self) -> Settings:
        """As the workers have them."""
        return load_settings(self.environ, self.folder)


@dataclass(kw_only=True)
class Run:
    """A run of a bucket that is executed."""

    run_id: str
    bucket: Bucket
    accounts: frozenset[int]
    asked_from: int  # the emulator's requests that came before it
    pid: int | None = None
    first_asked: float | None = None
    delay: float = 0.0  # seconds from then to its death
    is_spared: bool = False


@dataclass(kw_only=True)
class Hunt:
    """Kills workers of the schedule's runs, each at a random moment of the time that such a run takes to load."""

    fleet: Fleet
    instance: dg.DagsterInstance
    connection: psycopg.Connection[Any]
    chances: random.Random
    is_on: bool = False  # whether anything is killed
    longest: float = 1.0  # seconds that a run loads, by those that nobody killed
    runs: dict[str, Run] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    strikes: list[Strike] = field(default_factory=list)
    looked_at: float = 0.0

    @property
    def load_count(self) -> int:
        """Loads that were on their way in processes that were killed."""
        return sum(len(one.accounts) for one in self.strikes)

    def step(self) -> Strike | None:
        """Look at the runs that are executed, and kill one that is due."""
        if time.monotonic() - self.looked_at > 0.1:
            self._look()
        for run in list(self.runs.values()):
            asked = self._asked(run)
            if asked and run.first_asked is None:
                run.first_asked = time.monotonic()
            if not self.is_on or run.first_asked is None or run.pid is None or run.is_spared:
                continue
            if time.monotonic() >= run.first_asked + run.delay:
                del self.runs[run.run_id]
                struck = strike(self.connection, run.pid, run.run_id, asked, since=run.first_asked)
                if struck:
                    self.strikes.append(struck)
                    return struck
        return None

    def _look(self) -> None:
        executed = self.instance.get_runs(
            dg.RunsFilter(job_name=LOAD_FLEET, statuses=[dg.DagsterRunStatus.STARTED]), limit=20
        )
        ids = {run.run_id for run in executed}
        for run_id in [run_id for run_id in self.runs if run_id not in ids]:
            self._ended(self.runs.pop(run_id))
        for run in executed:
            if run.run_id not in self.known:
                self.known.add(run.run_id)
                bucket = Bucket.of_key(run.tags[PARTITION_TAG])
                keys = [account.key for account in bucket.accounts(self.fleet.settings.accounts)]
                self.runs[run.run_id] = Run(
                    run_id=run.run_id,
                    bucket=bucket,
                    accounts=frozenset(int(key.removeprefix("account-")) for key in keys),
                    asked_from=len(self.fleet.emulator.requests),
                    delay=self.chances.random() * self.longest,
                    is_spared=not self.is_on or self.chances.random() < SPARED,
                )
        for mine in self.runs.values():
            mine.pid = mine.pid or worker(self.instance, mine.run_id)
        self.looked_at = time.monotonic()

    def _ended(self, run: Run) -> None:
        """A run that nobody killed shows how long it loads."""
        [row] = self.connection.execute(
            "select extract(epoch from max(published_at) - min(observed_at)) from amocrm.snapshot where run_id = %s",
            (run.run_id,),
        )
        if row[0] is not None:
            self.longest = 0.5 * self.longest + 0.5 * float(row[0])

    def _asked(self, run: Run) -> frozenset[int]:
        """Accounts that were asked since a run is executed; no other run asks them meanwhile."""
        by_header = {f"Bearer {token}": account_id for account_id, token in self.fleet.crowd.tokens.items()}
        requests = self.fleet.emulator.requests[run.asked_from :]
        return run.accounts & {by_header.get(one.headers.get("authorization", ""), 0) for one in requests}


def main() -> int:
    """Hunt, tell, and give 1 where anything was not held."""
    parser = argparse.ArgumentParser(prog="python -m faults.running", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="the longest that it kills")
    parser.add_argument("--loads", type=int, default=200, help="loads to kill")
    parser.add_argument("--seed", type=int, default=0, help="other moments, other changes")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "data/faults/kills.json")
    arguments = parser.parse_args()
    with open_lab(seed=arguments.seed, is_quick=False) as lab, tempfile.TemporaryDirectory() as folder:
        said = hunt(lab, Path(folder), loads=arguments.loads, seconds=60 * arguments.minutes)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(said, indent=1))
    return 0 if said["is_held"] else 1


def hunt(lab: Lab, folder: Path, *, loads: int, seconds: float) -> dict[str, Any]:
    """Everything that came of it, as figures."""
    chances = lab.chance("kills")
    wrong: list[str] = []
    with ExitStack() as running:
        emulator = running.enter_context(Emulator())
        crowd = Crowd(emulator, ACCOUNTS, chances)
        fleet = Fleet(folder, lab.url, emulator, crowd)
        fleet.dagster("schedule", "start", SCHEDULE_NAME)
        instance = running.enter_context(dg.DagsterInstance.from_config(str(fleet.home)))
        connection = running.enter_context(psycopg.connect(lab.url, autocommit=True))
        running.enter_context(fleet.daemon())
        prey = Hunt(fleet=fleet, instance=instance, connection=connection, chances=chances)
        until_loaded(prey)
        poller = running.enter_context(Poller(lab.url, crowd.ids))
        prey.is_on, end = True, time.monotonic() + seconds
        while prey.load_count < loads and time.monotonic() < end:
            if chances.random() < 0.02:
                crowd.change_some()
            if struck := prey.step():
                print(f"{len(prey.strikes)} workers killed, {prey.load_count} loads", flush=True)
                wrong += [f"after a kill: {one}" for one in broken_of(lab, struck.accounts)]
            time.sleep(0.01)
        last = time.monotonic()
        until_loaded(prey)
        converged = time.monotonic() - last
    return figures(prey, lab, poller, wrong) | {"seconds_to_converge": round(converged, 1)}


def until_loaded(prey: Hunt) -> None:
    """Wait until every account was loaded anew and stands as it shows itself; nothing is killed meanwhile."""
    prey.is_on = False
    crowd, since = prey.fleet.crowd, datetime.now(UTC)

    def is_loaded() -> bool:
        prey.step()
        rows = prey.connection.execute(LOADED_SINCE, (since,)).fetchall()
        shown = {
            account_id: state_of((name, size) for one, name, size in rows if one == account_id)
            for account_id in crowd.ids
        }
        return all(shown[account_id] == len(crowd.states[account_id]) - 1 for account_id in crowd.ids)

    for _ in range(3):
        try:
            until(is_loaded)
            break
        except TimeoutError:
            continue
    else:
        raise TimeoutError("the accounts were not loaded")


def broken_of(lab: Lab, account_ids: frozenset[int]) -> Iterator[str]:
    """What is not as it must be in the tables of these accounts."""
    with lab.engine.connect() as connection:
        for account_id in account_ids:
            yield from (f"account {account_id}: {one}" for one in broken(connection, account_id))


def figures(prey: Hunt, lab: Lab, poller: Poller, wrong: list[str]) -> dict[str, Any]:
    """What was killed, what was seen, and what is stored against what was shown."""
    crowd = prey.fleet.crowd
    lost, doubled, snapshots = Counter[str](), Counter[str](), 0
    for account_id in crowd.ids:
        found = rows_of(lab.engine, crowd, account_id)
        snapshots, lost, doubled = snapshots + found[0], lost + found[1], doubled + found[2]
        wrong += [*found[3], *broken_of(lab, frozenset({account_id}))]
        wrong += rebuilt_otherwise(lab, account_id)
        with lab.engine.connect() as connection:
            false = witness.false_endings(connection, prey.fleet.emulator.world, account_id)
        wrong += [f"account {account_id}: I8 {one}" for one in false]
    phases = Counter[str]()
    for one in prey.strikes:
        phases.update(one.phases)
    looks = poller.looks
    return {
        "workers_killed": len(prey.strikes),
        "loads_killed": prey.load_count,
        "phases": dict(phases.most_common()),
        "seconds_from_first_request_to_kill_median": median([one.seconds for one in prey.strikes] or [0.0]),
        "seconds_from_first_request_to_kill_longest": max([one.seconds for one in prey.strikes], default=0.0),
        "states_shown": sum(map(len, crowd.states.values())),
        "snapshots": snapshots,
        "snapshots_during_the_hunt_seen_by_the_reader": looks.snapshots,
        "looks": looks.count,
        "looks_a_second": round(looks.count / max(looks.seconds, 1e-9)),
        "torn_reads": len(looks.torn),
        "rows_lost": lost.total(),
        "rows_doubled": doubled.total(),
        "wrong": [*wrong, *looks.torn][:20],
        "is_held": not (wrong or looks.torn or lost or doubled),
    }


def rows_of(engine: Engine, crowd: Crowd, account_id: int) -> tuple[int, Counter[str], Counter[str], list[str]]:
    """Snapshots of an account; rows that they lack, rows that they should not have; and states of another time."""
    lost, doubled, wrong = Counter[str](), Counter[str](), []
    states = crowd.states[account_id]
    with engine.connect() as connection:
        stored = witness.stored_snapshots(connection, account_id)
        published = {
            row[0]: row[1]
            for row in connection.exec_driver_sql(
                "select observed_at, published_at from amocrm.snapshot where account_id = %s", (account_id,)
            )
        }
    for observed_at, rows in stored.items():
        number = _number(rows)
        right = states[number]
        lost += Counter(map(repr, right.rows)) - Counter(map(repr, rows))
        doubled += Counter(map(repr, rows)) - Counter(map(repr, right.rows))
        is_over = number + 1 < len(states) and states[number + 1].since < observed_at
        if is_over or right.since > published[observed_at]:
            wrong.append(f"account {account_id}: the snapshot of {observed_at} shows state {number}")
    return len(stored), lost, doubled, wrong


def _number(rows: list[witness.Row]) -> int:
    return int(str(rows[0][1]).partition("|")[0]) if rows else 0


def rebuilt_otherwise(lab: Lab, account_id: int) -> Iterator[str]:
    """I7: made anew from the raw answers the tables are the same."""
    rebuild_account(lab.engine, lab.rebuilt, account_id)
    with lab.engine.connect() as ours, lab.rebuilt.connect() as others:
        if witness.table_contents(ours, account_id) != witness.table_contents(others, account_id):
            yield f"account {account_id}: I7 made anew from raw answers, the tables are others"


if __name__ == "__main__":
    sys.exit(main())
