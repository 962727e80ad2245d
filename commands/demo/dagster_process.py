"""Dagster as a process beside the demo: it makes the last load when it is told to, and is gone when the demo is.

Dagster takes Ctrl-C for trouble that may pass and tries again a minute later. A process of its own can be ended at any
moment, and has imported what it needs by the time it is needed. What it does is in ``scheduled``.
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
from pipelines.load.connection import endpoint_for


class DagsterProcess:
    """The running process, ready for one order."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def load(self, settings: Settings, database_url: str) -> None:
        """Have the schedule decide what to load now, and load it. Raises ``WarehouseError`` where the run failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        endpoint = endpoint_for(settings.account(), settings)
        request = {"base_url": endpoint.base_url, "token": endpoint.token(), "database_url": database_url}
        with suppress(BrokenPipeError):  # its answer tells, or that there is none
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
        response = self._process.stdout.readline()
        failure = json.loads(response)["failure"] if response else "Dagster's process ended before it was done."
        if failure:
            raise WarehouseError(f"The scheduled load failed: {failure}", advice="Run the demo again.")


@contextmanager
def dagster_process(home: DemoHome) -> Iterator[DagsterProcess]:
    """A process of that kind, with all that it starts, for as long as the context lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "commands.demo.scheduled_load", str(home.folder)],
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
