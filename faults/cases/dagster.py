"""Dagster's processes killed during a load: the run's worker, or the daemon and its children."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial

import psycopg

from emulator import Emulator, effects
from faults.case import EXACT, Case, Trial, Verdict
from faults.harness import Harness
from faults.secrecy import places_of
from pipelines.config.settings import load_settings


def cases() -> Iterator[Case]:
    """List a case for each process that can be killed."""
    for victim in ("the run's worker", "the daemon and all below it"):
        yield Case(
            name=f"dagster: {victim} killed in the middle of a load",
            wrong=f"kill -9 of {victim} while amoCRM is being asked.",
            must="The run is noticed as failed or goes on; the next load is published, once; no secret is kept.",
            play=partial(kill_during_load, with_daemon=victim != "the run's worker"),
            allowed=EXACT,
            seconds=600,
        )


def kill_during_load(harness: Harness, *, with_daemon: bool) -> Iterator[Trial]:
    """Kill a load, run another one, and check that only the second published."""
    import dagster as dg  # noqa: PLC0415 - takes seconds to import, and no other case needs it

    from assets.partitions import register_accounts  # noqa: PLC0415
    from faults.dagster_site import Site, ended, until, worker  # noqa: PLC0415

    folder = harness.folder / f"dagster-{harness.new_id()}"
    folder.mkdir()
    with Emulator() as emulator, harness.database() as url:
        site = Site(folder, url, emulator)
        with dg.DagsterInstance.from_config(str(site.home)) as instance:
            register_accounts(instance, load_settings(site.environ, site.folder))
            with site.daemon() as daemon, emulator.faults.during(effects.silence(), resource="segments") as fault:
                run_id = site.queue(instance)
                until(lambda: fault.hits)
                pid = until(lambda: worker(instance, run_id))
                os.kill(pid, signal.SIGKILL)
                if with_daemon:
                    os.killpg(daemon, signal.SIGKILL)
                else:
                    until(ended(instance, run_id))
            with site.daemon():
                last = site.queue(instance)
                end = until(ended(instance, last))
        with psycopg.connect(url) as connection:
            runs = [row[0] for row in connection.execute("select run_id from amocrm.snapshot order by observed_at")]
        if secrets := places_of(site.folder, site.token, site.password):
            yield Trial(verdict=Verdict.LEAK, why=", ".join(sorted(secrets)))
        is_right = end is dg.DagsterRunStatus.SUCCESS and runs == [last]
        yield Trial(verdict=Verdict.EXACT if is_right else Verdict.DAMAGED, why=f"{end}, snapshots of {runs}")
