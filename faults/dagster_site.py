"""Dagster's programs for one emulated account in a folder: daemon, queue, a process per run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
from dagster._cli.job import execute_launch_command
from dagster_shared.cli import WorkspaceOpts

from assets.dagster_home import prepare_home
from emulator import Emulator

ROOT = Path(__file__).parents[1]
DAGSTER = (sys.executable, "-m", "dagster")
DAEMON = (sys.executable, "-m", "dagster._daemon")
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
        self.home, self.workspace = prepare_home(folder / "dagster"), folder / "workspace.yaml"
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

    @contextmanager
    def daemon(self) -> Iterator[int]:
        """Run Dagster's daemon and a code server on a socket, as ``compose.yaml`` does; yield their process group.

        All of their processes end with the context.
        """
        with tempfile.TemporaryDirectory() as folder, (self.folder / "daemon.log").open("wb") as log:
            socket_path = Path(folder) / "code"  # short, because the path of a socket has at most 103 characters
            location = {"grpc_server": {"socket": str(socket_path), "location_name": "amocrm"}}
            self.workspace.write_text(json.dumps({"load_from": [location]}))
            run = partial(subprocess.Popen, cwd=self.folder, env=self.environ, stdout=log, stderr=log)
            server = run(
                [*DAGSTER, "api", "grpc", "-m", "assets.definitions", "--socket", socket_path], process_group=0
            )
            processes = [server]
            try:
                until(lambda: is_listening(socket_path))
                processes.append(run([*DAEMON, "run", "-w", self.workspace], process_group=server.pid))
                yield server.pid
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGTERM)
                try:
                    for process in processes:
                        process.wait(30)
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(server.pid, signal.SIGKILL)

    def queue(self, instance: dg.DagsterInstance) -> str:
        """Launch a load as ``dagster job launch`` does, without its process; return the run's id."""
        run = execute_launch_command(
            instance=instance,
            workspace_opts=WorkspaceOpts(workspace=(str(self.workspace),)),
            job_name="load_account",
            tags=json.dumps({"dagster/partition": "corner"}),
        )
        return str(run.run_id)


def is_listening(path: Path) -> bool:
    """Tell if a server accepts connections on a socket of the file system."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


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
