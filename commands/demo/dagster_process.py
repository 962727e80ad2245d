"""Dagster process of the demo, which makes the last load on request and ends with the demo.

Dagster regards Ctrl-C as a transient error and retries a minute later. A separate process can be killed at any time,
and imports Dagster while the demo is loading. Its program is ``scheduled_load``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from commands.demo.home import DemoHome
from pipelines.base.errors import WarehouseError
from pipelines.config.settings import Settings
from pipelines.load.access import endpoint_for


class DagsterProcess:
    """Handle of the running process, for one request."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def load(self, settings: Settings, database_url: str) -> None:
        """Evaluate the schedule and execute its run. Raises ``WarehouseError`` if the run failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        endpoint = endpoint_for(settings.account(), settings)
        request = {"base_url": endpoint.base_url, "token": endpoint.token(), "database_url": database_url}
        with suppress(BrokenPipeError):  # reported below: there is no response then
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
        response = self._process.stdout.readline()
        failure = json.loads(response)["failure"] if response else "Dagster's process ended early."
        if failure:
            raise WarehouseError(f"The scheduled load failed: {failure}", advice="Run the demo again.")


@contextmanager
def dagster_process(home: DemoHome) -> Iterator[DagsterProcess]:
    """Run the process; kill it and its children when the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__name__.rpartition('.')[0]}.scheduled_load", str(home.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield DagsterProcess(process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
