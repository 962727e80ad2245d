"""Servers of others that run below a command: started, waited for, and gone when the command is, however it ends.

What they serve is the commands' own knowledge.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.private_path import open_log

HOST: Final = "127.0.0.1"
STOP_TIMEOUT_SECONDS: Final = 30.0
GRACE_SECONDS: Final = 5.0  # for what is left when the program itself has ended
POLL_INTERVAL_SECONDS: Final = 0.2

WATCHER: Final = """
umask 077
exec 3<&0
( read -r _ <&3; kill -TERM "$$" ) &
exec "$@" 3<&- </dev/null
"""
"""Shell script that becomes the program, and ends it when the pipe at standard input closes as its owner is gone.

No other user may open the files and sockets that the program makes.
"""


@contextmanager
def supervised(
    program: Sequence[str | Path], *, log: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The program at work in that folder, with all that it starts gone when the context ends, or this process does."""
    reader, writer = os.pipe()
    with open_log(log) as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", WATCHER, "leash", *program],
            stdin=reader,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    os.close(reader)
    try:
        yield process
    finally:
        os.close(writer)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)
        terminate_group(process.pid)
        process.wait()


def terminate_group(group: int) -> None:
    """End what a program has started and left behind, such as a run in the middle of a load: asked first, then made."""
    for signal_number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 1.0)):
        deadline = time.monotonic() + seconds
        try:
            os.killpg(group, signal_number)
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(POLL_INTERVAL_SECONDS)
        except ProcessLookupError:
            return


def wait_until_ready(process: subprocess.Popen[bytes], port: int, *, name: str, log: Path) -> None:
    """Return once it answers at the port. Raises ``WarehouseError`` where it ends before."""
    while process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(POLL_INTERVAL_SECONDS)
    raise WarehouseError(f"{name} did not start.", advice=f"Its log says why: {log}.")


def raise_if_port_taken(port: int) -> None:
    """Raise ``SettingsError`` where another program listens there: some would take another port in silence."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SettingsError(
                f"Port {port} of this machine is taken.", advice="End what uses it, or choose another with --port."
            ) from None
