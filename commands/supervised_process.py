"""Supervised processes: third-party servers that a command starts, and that end with it however it ends."""

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

import click

from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.base.private_path import open_log

HOST: Final = "127.0.0.1"
STOP_TIMEOUT_SECONDS: Final = 30.0
GRACE_SECONDS: Final = 5.0  # for child processes that outlive the program
POLL_INTERVAL_SECONDS: Final = 0.2
PROGRESS_INTERVAL_SECONDS: Final = 4.0

WATCHER: Final = """
umask 077
exec 3<&0
( read -r _ <&3; kill -TERM "$$" ) &
exec "$@" 3<&- </dev/null
"""
"""Shell script that becomes the program, and terminates it when its owner ends and the pipe at standard input closes.

The umask keeps other users from opening the program's files and sockets.
"""


@contextmanager
def supervised(
    program: Sequence[str | Path], *, log: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program in that folder; end it and all its children when the context or this process ends."""
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
    """End the remaining children of a program, such as an active run: by SIGTERM, then by SIGKILL."""
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
    """Return once the process accepts connections at the port. Raises ``WarehouseError`` if it ends before.

    Prints every few seconds that it still starts.
    """
    started = printed_at = time.monotonic()
    while process.poll() is None:
        if time.monotonic() - printed_at >= PROGRESS_INTERVAL_SECONDS:
            printed_at = time.monotonic()
            click.echo(f"{name} is starting, {printed_at - started:.0f} s …", err=True)
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(POLL_INTERVAL_SECONDS)
    raise WarehouseError(f"{name} did not start.", advice=f"See its log: {log}.")


def raise_if_port_taken(port: int) -> None:
    """Raise ``SettingsError`` if another program uses the port; some servers would silently take another one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SettingsError(
                f"Port {port} is in use.", advice="End the program that uses it, or choose another port with --port."
            ) from None
