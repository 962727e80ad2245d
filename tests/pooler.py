"""PgBouncer in front of a test's database."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from sqlalchemy import make_url

from tests.conftest import shared_temporary_folder

PROGRAM: Final = shutil.which("pgbouncer")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (Debian's package pgbouncer)")

SETTINGS: Final = """
[databases]
{database} = host={host} port={server_port} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 4
"""


@contextmanager
def pgbouncer(database_url: str, mode: str = "transaction", *, port: int | None = None) -> Iterator[str]:
    """Run PgBouncer in front of a database, and yield the address through it."""
    address = make_url(database_url)
    port = port or free_port()
    with shared_temporary_folder() as folder:
        (folder / "users").write_text(f'"{address.username}" "{address.password}"\n')
        (folder / "pgbouncer.ini").write_text(
            SETTINGS.format(
                database=address.database,
                host=address.host,
                server_port=address.port,
                port=port,
                folder=folder,
                mode=mode,
            )
        )
        process = subprocess.Popen(
            [str(PROGRAM), "-q", folder / "pgbouncer.ini"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **({"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
        )
        try:
            wait_until_listening(port)
            url = address.set(drivername="postgresql", host="127.0.0.1", port=port)
            yield url.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(port: int) -> None:
    """Return once something listens at the port."""
    for _ in range(1_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    pytest.fail("PgBouncer does not listen")
