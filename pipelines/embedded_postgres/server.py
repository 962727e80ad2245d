"""A PostgreSQL server of our own, for those who have none: the demo, the tests, a first look.

The process that starts it owns it; others join it. It ends with its owner, however the owner ends. What lies in its
folder is ``cluster``'s knowledge, where its programs come from ``binaries``', who it runs as ``server_user``'s.
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
PORTS: Final = range(20_000, 32_000)  # below those that systems hand out to outgoing connections
START_SECONDS: Final = 60.0  # after a crash the server first replays its log
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
"""Shell script that runs the server, and stops it when the pipe at standard input has a line or is closed because its
owner is gone. Unlike Linux's parent death signal it works on every Unix and from any thread."""

SERVER_SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",  # for as many threads as settings allow, and what else is at work
    "jit": "off",
    **cluster.LOG_SETTINGS,
}
Rights: TypeAlias = Literal["superuser", "ordinary"]

NON_DURABLE_SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedServer:
    """A running server, and how to connect to it."""

    folder: Path  # its data, log and password
    port: int
    password: str = field(repr=False)
    is_owner: bool  # this process started it and will stop it

    @property
    def url(self) -> str:
        """Address of the warehouse. It holds the password, so it is never to be printed."""
        return self.url_of(cluster.DATABASE)

    def url_of(self, database: str) -> str:
        """Address of another database of the same server."""
        return f"postgresql://{cluster.ROLE}:{self.password}@{HOST}:{self.port}/{database}"


@contextmanager
def embedded_postgres(root: Path, *, binaries: Path | None = None, is_durable: bool = True) -> Iterator[EmbeddedServer]:
    """A server with its data in ``root``, which is made if need be, for as long as the context lasts.

    Where another process runs it already, that one is joined, and left running. ``binaries`` is a
    folder with PostgreSQL's programs, in place of those installed with us. Without ``is_durable``
    (for tests) a machine that crashes may lose all data. Raises ``DatabaseUnavailable``.
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
    """The server that runs already, or the lock that lets us start one.

    The server's processes inherit the lock, so it is free exactly when none of them is left: neither a server that is
    still going down nor a process number in use again can be mistaken for one that runs.
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
            if _answer(server):
                os.close(lock)
                return server
        time.sleep(POLL_SECONDS)
    os.close(lock)
    raise DatabaseUnavailable(
        f"Another process holds {folder}, but no PostgreSQL answers there.",
        advice="Wait until it ends, or ask 'fuser' or 'lsof' who holds the file 'lock' in that folder.",
    )


def _open_lock(folder: Path) -> int:
    """The lock file under a number of two digits: the shell script that inherits it uses those of one."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    finally:
        os.close(descriptor)


def _start(folder: Path, user: ServerUser, binaries: Path | None, lock: int, *, is_durable: bool) -> _OwnedServer:
    """Start a server whose role for the warehouse is no superuser, and wait until it is ready."""
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
        ["/bin/sh", "-c", WATCHER, "leash", *command],
        stdin=read_end,
        stdout=log,
        stderr=log,
        cwd="/",
        env=cluster.server_environment(),
        pass_fds=(lock,),
        # Ctrl-C in the terminal reaches the owner, who may need the database to finish what it does.
        start_new_session=True,
        **user.process,
    )
    os.close(log)
    os.close(read_end)
    return _OwnedServer(server=server, process=process, owner_pipe=owner_pipe)


@dataclass(frozen=True, kw_only=True, slots=True)
class _OwnedServer:
    """The server that this process has started."""

    server: EmbeddedServer
    process: subprocess.Popen[bytes]
    owner_pipe: int  # the writing end of the pipe that the server's life hangs on

    def wait_until_ready(self) -> Rights:
        """Wait until it answers; what its role may do.

        It is stopped if it does not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        with ExitStack() as unless_ready:
            unless_ready.callback(self.stop)
            while (rights := _answer(self.server)) is None:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = self.server.folder / cluster.LOG_FILE
                    raise cluster.start_error(self.server.folder, log.read_text(encoding="utf-8", errors="replace"))
                time.sleep(POLL_SECONDS)
            unless_ready.pop_all()
        return rights

    def stop(self) -> None:
        """Let the server end in good order, and wait until it is gone."""
        with suppress(BrokenPipeError):
            os.write(self.owner_pipe, b"\n")
        os.close(self.owner_pipe)
        for kill_signal in (
            signal.SIGQUIT,
            signal.SIGKILL,
        ):  # what is committed is safe: the next start replays the log
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
                return
            running = cluster.read_postmaster(self.server.folder)
            if running:
                with suppress(ProcessLookupError):
                    os.kill(running.pid, kill_signal)
        self.process.wait()


def _answer(server: EmbeddedServer) -> Rights | None:
    """What the server's role may do; None if the server does not answer."""
    try:
        with psycopg.connect(server.url, connect_timeout=5) as connection:
            return "superuser" if connection.info.parameter_status("is_superuser") == "on" else "ordinary"
    except psycopg.OperationalError:
        return None


def _free_port() -> int:
    for port in random.sample(PORTS, k=100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise DatabaseUnavailable(f"No port between {PORTS.start} and {PORTS.stop - 1} of this machine is free.")
