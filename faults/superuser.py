"""A superuser on an embedded server, for tests, faults and benchmarks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from pipelines.embedded_postgres import cluster
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.embedded_postgres.system_user import server_user

NAME = "tester"
PASSWORD = "made-up"


@contextmanager
def server_with_superuser(root: Path, *, binaries: Path | None) -> Iterator[URL]:
    """Run an embedded server, and yield a superuser's address."""
    with embedded_postgres(root, binaries=binaries, is_durable=False):
        pass
    create = f"create role {NAME} login superuser password '{PASSWORD}'"
    unless_there = f"do $$ begin if to_regrole('{NAME}') is null then {create}; end if; end $$;"
    run_as_superuser(root, unless_there, binaries=binaries)
    with embedded_postgres(root, binaries=binaries, is_durable=False) as server:
        yield URL.create(
            "postgresql+psycopg", NAME, PASSWORD, host="127.0.0.1", port=server.port, database=cluster.DATABASE
        )


def run_as_superuser(root: Path, statement: str, *, binaries: Path | None, database: str = cluster.DATABASE) -> str:
    """Execute a statement in single-user mode, while the server does not run."""
    user = server_user()
    data = root.resolve() / cluster.DATA_FOLDER  # root may be a link that only we can follow
    lock = os.open(root / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with cluster.owned_by_creator(data, user):
            programs = find_binaries(binaries, user)
            return cluster.run_as_superuser(data, programs, user, f"{statement}\n\n", lock=lock, database=database)
    finally:
        os.close(lock)
