"""Dagster as it is run: its own programs, a queue, a process per run. And what is found in all that it kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from assets.instance import prepare_home
from assets.partitions import register_accounts
from emulator import Emulator, effects
from pipelines.settings import load_settings
from faults.secrecy import places_of

ROOT = Path(__file__).parents[2]
WORKSPACE = ROOT / "workspace.yaml"
HOOK_KEY = "canary-key-of-the-hook"
PATIENCE = 180.0
"""Seconds after which what should have happened has not; on an idle machine it happens within some ten."""


class Site:
    """A folder with settings for one emulated account, and Dagster's programs in it."""

    def __init__(self, folder: Path, url: str, emulator: Emulator) -> None:
        """Write the settings."""
        account_id = emulator.world.add_account("Corner Coffee")
        emulator.world.add_segment(account_id, "VIP", size=10)
        self.folder, self.emulator = folder, emulator
        self.token = emulator.long_lived_token(account_id)
        self.password = urlsplit(url).password or ""
        (folder / "accounts.toml").write_text(f'[accounts.corner]\nhost = "{emulator.host}"\ntoken_env = "CORNER"\n')
        self.home = prepare_home(folder / "dagster")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMOCRM_", "DAGSTER_"))}
        self.environ: Mapping[str, str] = kept | {
            "CORNER": self.token,
            "DATABASE_URL": url,
            "DAGSTER_HOME": str(self.home),
            "AMOCRM_REQUESTS_PER_SECOND": "7",
            "AMOCRM_ALERT_WEBHOOK_URL": f"https://127.0.0.1:1/{HOOK_KEY}",
            "PYTHONPATH": str(ROOT),
        }

    def dagster(self, *arguments: str) -> None:
        """One of Dagster's commands."""
        command = [sys.executable, "-m", "dagster", *arguments, "-w", str(WORKSPACE)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Dagster's daemon, all of its processes gone when the context ends."""
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(WORKSPACE)]
        with (self.folder / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(30)
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    def queue(self, instance: dg.DagsterInstance) -> str:
        """Ask for a load, as the button on Dagster's page does; the run's id."""
        loads = dg.RunsFilter(job_name="load_account")  # reports have runs of their own
        before = set(instance.get_run_ids(loads))
        self.dagster("job", "launch", "-j", "load_account", "--tags", json.dumps({"dagster/partition": "corner"}))
        [run_id] = set(instance.get_run_ids(loads)) - before
        return run_id


def until(happened: Callable[[], Any]) -> Any:
    """What is found once something is."""
    end = time.monotonic() + PATIENCE
    while not (found := happened()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)
    return found


def ended(instance: dg.DagsterInstance, run_id: str) -> Callable[[], dg.DagsterRunStatus | None]:
    """How a run ended, once it has."""

    def status() -> dg.DagsterRunStatus | None:
        run = instance.get_run_by_id(run_id)
        return run.status if run and run.is_finished else None

    return status


def worker(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that executes a run, once it does."""
    for record in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = record.dagster_event
        if event and (event.message or "").startswith("Executing steps in process"):
            return int(str(event.engine_event_data.metadata["pid"].value))
    return None


@pytest.fixture
def site(postgres_url: str, tmp_path: Path) -> Iterator[Site]:
    """The folder, with an emulated account behind it."""
    with Emulator() as emulator:
        yield Site(tmp_path, postgres_url, emulator)


def test_the_workspace_is_valid(site: Site) -> None:
    site.dagster("definitions", "validate")


def test_the_daemon_loads_and_a_killed_run_is_noticed_and_no_secret_is_kept(site: Site, engine: Engine) -> None:
    with dg.DagsterInstance.from_config(str(site.home)) as instance:
        register_accounts(instance, load_settings(site.environ, site.folder))
        with site.daemon():
            first = site.queue(instance)
            assert until(ended(instance, first)) is dg.DagsterRunStatus.SUCCESS

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
    assert runs == [first, last]
    assert not places_of(site.folder, site.token, site.password, HOOK_KEY)
