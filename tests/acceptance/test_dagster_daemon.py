"""Dagster's own programs with a queue and a process per run; no secret is stored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from assets.partitions import register_accounts
from emulator import Emulator, effects
from faults.dagster_site import HOOK_KEY, Site, ended, until, worker
from faults.secrecy import places_of
from pipelines.config.settings import load_settings


@pytest.fixture
def site(postgres_url: str, tmp_path: Path) -> Iterator[Site]:
    """The folder, with an emulated account behind it."""
    with Emulator() as emulator:
        yield Site(tmp_path, postgres_url, emulator)


def test_the_daemon_loads_and_a_killed_run_is_noticed_and_no_secret_is_kept(site: Site, engine: Engine) -> None:
    with dg.DagsterInstance.from_config(str(site.home)) as instance:
        register_accounts(instance, load_settings(site.environ, site.folder))
        with site.daemon():
            with site.emulator.faults.during(effects.silence(), resource="segments") as fault:
                killed = site.queue(instance)
                until(lambda: fault.hits)
                pid = worker(instance, killed)
                assert pid
                os.kill(pid, signal.SIGKILL)
                assert until(ended(instance, killed)) is dg.DagsterRunStatus.FAILURE

            last = site.queue(instance)
            assert until(ended(instance, last)) is dg.DagsterRunStatus.SUCCESS
    with engine.connect() as connection:
        runs = connection.scalars(text("select run_id from amocrm.snapshot order by observed_at")).all()
    assert runs == [last]
    assert not places_of(site.folder, site.token, site.password, HOOK_KEY)
