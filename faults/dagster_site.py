"""Dagster's programs for one emulated account in a folder: daemon, queue, a process per run."""

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

from assets.dagster_home import prepare_home
from emulator import Emulator

ROOT = Path(__file__).parents[1]
WORKSPACE = ROOT / "workspace.yaml"
HOOK_KEY = "canary-key-of-the-hook"
PATIENCE = 180.0
"""Timeout in seconds; an idle machine needs about ten."""


class Site:
    """Settings for one emulated account, and Dagster's programs."""

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
            "AMOCRM_ALERT_URLS": f"json://127.0.0.1:1/{HOOK_KEY}",
            "PYTHONPATH": str(ROOT),
        }

    def dagster(self, *arguments: str) -> None:
        """Run a command of Dagster."""
        command = [sys.executable, "-m", "dagster", *arguments, "-w", str(WORKSPACE)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)

    @contextmanager
    def daemon(self) -> Iterator[int]:
        """Run Dagster's daemon, and yield its process group. All of its processes end with the context."""
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(WORKSPACE)]
        with (self.folder / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield process.pid
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(30)
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    def queue(self, instance: dg.DagsterInstance) -> str:
        """Launch a load, as Dagster's UI does; return the run's id."""
        loads = dg.RunsFilter(job_name="load_account")  # reports have runs of their own
        before = set(instance.get_run_ids(loads))
        self.dagster("job", "launch", "-j", "load_account", "--tags", json.dumps({"dagster/partition": "corner"}))
        [run_id] = set(instance.get_run_ids(loads)) - before
        return run_id


def until(happened: Callable[[], Any]) -> Any:
    """Wait for a true value and return it."""
    end = time.monotonic() + PATIENCE
    while not (found := happened()):
        if time.monotonic() > end:
            raise TimeoutError("timed out")
        time.sleep(0.1)
    return found


def ended(instance: dg.DagsterInstance, run_id: str) -> Callable[[], dg.DagsterRunStatus | None]:
    """Return a function that gives a run's final status, or None before."""

    def status() -> dg.DagsterRunStatus | None:
        run = instance.get_run_by_id(run_id)
        return run.status if run and run.is_finished else None

    return status


def worker(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """Process id of a run's worker, or None before it starts."""
    for record in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = record.dagster_event
        if event and (event.message or "").startswith("Executing steps in process"):
            return int(str(event.engine_event_data.metadata["pid"].value))
    return None
