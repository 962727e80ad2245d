"""Every command through a transaction pooler, without leftovers in its connections."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.wide_views import update_wide_view
from pipelines.warehouse.work_locks import lock_work
from pipelines.writeback.journal import apply_lock
from tests.conftest import shared_temporary_folder
from tests.records import ACCOUNT_ID
from tests.sample_history import publish_history

PROGRAM = shutil.which("pgbouncer")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (Debian's package pgbouncer)")

SETTINGS = """
[databases]
{database} = host={host} port={server_port} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 4
"""


@pytest.fixture
def pooled_url(empty_database_url: str) -> Iterator[str]:
    """An empty database behind PgBouncer."""
    address = make_url(empty_database_url)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with shared_temporary_folder() as folder:
        (folder / "users").write_text(f'"{address.username}" "{address.password}"\n')
        (folder / "pgbouncer.ini").write_text(
            SETTINGS.format(
                database=address.database, host=address.host, server_port=address.port, port=port, folder=folder
            )
        )
        process = subprocess.Popen(
            [str(PROGRAM), "-q", folder / "pgbouncer.ini"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **({"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
        )
        try:
            url = address.set(drivername="postgresql", host="127.0.0.1", port=port)
            wait_until_it_listens(port)
            yield url.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()


def wait_until_it_listens(port: int) -> None:
    for _ in range(1_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    pytest.fail("PgBouncer does not listen")


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Engine]:
    engine = open_engine(pooled_url, threads=8)
    yield engine
    engine.dispose()


def test_migrations_loads_and_applies_go_through(pooled: Engine, pooled_url: str, empty_database_url: str) -> None:
    assert migrate(pooled).migrations
    publish_history(pooled)
    assert update_wide_view(pooled, ACCOUNT_ID)
    with apply_lock(pooled, ACCOUNT_ID, "main"):
        with pytest.raises(DatabaseError, match="Another apply"), apply_lock(pooled, ACCOUNT_ID, "main"):
            pass
        assert migrate(pooled).migrations == ()

    def work(number: int) -> None:
        for _ in range(10):
            with transaction(pooled) as connection:
                lock_work(connection, "raw_answer", number % 3)
                connection.exec_driver_sql("select 1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    with apply_lock(pooled, ACCOUNT_ID, "main"):
        pass
    with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=None) as other:
        for _ in range(5):
            left = other.execute(
                "select current_setting('statement_timeout'), current_setting('lock_timeout'),"
                " (select count(*) from pg_prepared_statements)"
            ).fetchone()
            assert left == ("0", "0", 0)
    with psycopg.connect(empty_database_url, autocommit=True) as direct:
        held = "select count(*) from pg_locks where locktype = 'advisory' or mode = 'ShareRowExclusiveLock'"
        assert direct.execute(held).fetchone() == (0,)
    direct_engine = open_engine(empty_database_url)
    assert migrate(direct_engine).migrations == ()
    direct_engine.dispose()
