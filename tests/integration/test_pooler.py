"""Every command through PgBouncer, without leftovers in its connections."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from emulator import Emulator
from pipelines.base.errors import DatabaseError, DatabaseUnavailable
from pipelines.load.retention import purge_all_responses
from pipelines.report.write import write_report
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import check_schema, migrate
from pipelines.warehouse.readers import create_account_reader
from pipelines.warehouse.wide_views import update_wide_view
from pipelines.warehouse.work_locks import lock_work
from pipelines.writeback.journal import apply_lock
from tests.accounts import Shop
from tests.command_line import run
from tests.pooler import free_port, needs_pgbouncer, pgbouncer
from tests.records import ACCOUNT_ID, hours
from tests.sample_history import publish_history

pytestmark = needs_pgbouncer


@pytest.fixture(params=["transaction", "session"])
def pooled_url(request: pytest.FixtureRequest, empty_database_url: str) -> Iterator[str]:
    """An empty database behind PgBouncer."""
    with pgbouncer(empty_database_url, request.param) as url:
        yield url


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Engine]:
    engine = open_engine(pooled_url, threads=3)  # the pool has four connections
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

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    with apply_lock(pooled, ACCOUNT_ID, "main"):
        pass
    create_account_reader(pooled, ACCOUNT_ID)
    pooled.dispose()
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


def test_an_account_is_loaded_reported_and_purged(
    pooled: Engine, pooled_url: str, emulator: Emulator, tmp_path: Path
) -> None:
    migrate(pooled)
    account = Shop(emulator, pooled, tmp_path)
    for hour in (0, 1):
        account.load(hour)
    account.world.set_size(account.id, account.vip, 12)
    assert account.load(2).published.size_change_count == 1
    assert write_report(pooled, "main", tmp_path / "report.html", now=hours(3)).byte_count
    assert purge_all_responses(pooled, account.settings, now=hours(3) + timedelta(days=99)) >= 0
    pooled.dispose()
    settings = {"DATABASE_URL": pooled_url, "AMOCRM_DATA_DIR": str(tmp_path / "data")}
    told = run("psql", "-Atc", "select count(*) from analytics.snapshots", folder=tmp_path, **settings)
    assert (told.stdout, told.returncode) == ("3\n", 0)


def test_a_pooler_that_restarts_during_a_load(empty_database_url: str, emulator: Emulator, tmp_path: Path) -> None:
    port = free_port()
    with pgbouncer(empty_database_url, port=port) as url:
        engine = open_engine(url)
        migrate(engine)
        account = Shop(emulator, engine, tmp_path)
        account.load(0)
    with pytest.raises(DatabaseUnavailable):
        account.load(1)
    with pgbouncer(empty_database_url, port=port):
        assert account.load(2).published.is_new
        assert account.rows("select count(*) from analytics.snapshots") == [(2,)]
        engine.dispose()


def test_what_a_pooler_cannot_do_is_said_at_once(empty_database_url: str) -> None:
    with pgbouncer(empty_database_url, "statement") as url:
        for work in (migrate, check_schema):
            engine = open_engine(url)
            with pytest.raises(DatabaseUnavailable, match=r"statement pooling, in which no transaction"):
                work(engine)
            engine.dispose()
    with pgbouncer(empty_database_url) as url:
        for address, message in (
            (f"{url}?options=-c%20lock_timeout%3D1", "ignore_startup_parameters"),
            (make_url(url).set(database="nowhere").render_as_string(hide_password=False), "no such database: nowhere"),
        ):
            with pytest.raises(DatabaseUnavailable, match=message):
                open_engine(address).connect()
