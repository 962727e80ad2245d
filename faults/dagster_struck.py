"""A load by Dagster whose processes are killed, and what came of it. Which ones: ``cases/dagster``."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import dagster as dg
import psycopg

from assets.partitions import register_accounts
from emulator import Emulator, effects
from faults.case import Trial, Verdict
from faults.dagster_site import Site, ended, until, worker
from faults.harness import Harness
from faults.secrecy import places_of
from pipelines.settings import load_settings


def struck(harness: Harness, *, with_daemon: bool) -> Iterator[Trial]:
    """A load, one that is killed, and one after it."""
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
        secrets = places_of(site.folder, site.token, site.password)
        if secrets:
            yield Trial(verdict=Verdict.LEAK, why=", ".join(sorted(secrets)))
        is_right = end is dg.DagsterRunStatus.SUCCESS and runs == [last]
        yield Trial(verdict=Verdict.EXACT if is_right else Verdict.DAMAGED, why=f"{end}, snapshots of {runs}")
