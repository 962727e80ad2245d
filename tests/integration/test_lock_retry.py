"""Changing tables and views while others read: no reader is ended by a deadlock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.locks import with_lock_retry
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.readers import create_account_reader

DEADLOCK_TIMEOUT_SECONDS = 0.2
"""Seconds after which the test's server looks for deadlocks."""

TABLES = "create table amocrm.one (account_id bigint not null); create table amocrm.two (account_id bigint not null);"
BOTH = "alter table amocrm.one add column x int; alter table amocrm.two add column x int;"
VIEW = "create or replace view analytics.{0} as select account_id{1} from amocrm.{0};"


def source(folder: Path, *, columns: str = "", migration: str | None = None) -> Path:
    """Two tables, a view of each, and another migration where there is one."""
    for name in ("migrations", "views"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "migrations/0001_tables.sql").write_text(TABLES)
    if migration:
        (folder / "migrations/0002_more.sql").write_text(migration)
    for view in ("one", "two"):
        (folder / f"views/{view}.sql").write_text(VIEW.format(view, columns))
    return folder


def shorten_deadlock_timeout(engine: Engine) -> None:
    """Have all sessions of the database that begin from now on."""
    with engine.begin() as connection:
        name = connection.exec_driver_sql("select current_database()").scalar_one()
        connection.exec_driver_sql(f"alter database {name} set deadlock_timeout = '{DEADLOCK_TIMEOUT_SECONDS}s'")
    engine.dispose()


@pytest.fixture
def migrated_engine(empty_database_url: str, tmp_path: Path) -> Iterator[Engine]:
    """A database with the two tables and their views."""
    engine = open_engine(empty_database_url)
    shorten_deadlock_timeout(engine)
    migrate(engine, source(tmp_path))
    yield engine
    engine.dispose()


@contextmanager
def run_in_thread(work: Callable[[], object]) -> Iterator[list[Exception]]:
    """Does the work meanwhile, to its end; with the error it ended with."""
    errors: list[Exception] = []

    def done() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - shown by whoever looks
            errors.append(error)

    thread = threading.Thread(target=done)
    thread.start()
    try:
        yield errors
    finally:
        thread.join()


def wait_until_blocked(url: str) -> None:
    """Until somebody waits for a lock of a table or view, and for as long again as it takes to see a deadlock."""
    lock_wait_query = "select count(*) from pg_locks where locktype = 'relation' and not granted"
    with psycopg.connect(url, autocommit=True) as other:
        while other.execute(lock_wait_query).fetchone() == (0,):
            time.sleep(0.005)
    time.sleep(2 * DEADLOCK_TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    ("columns", "migration", "first", "second"),
    [
        (", 1 as more", None, "analytics.two", "analytics.one"),
        ("", BOTH, "amocrm.two", "amocrm.one"),
        ("", BOTH, "amocrm.two", "analytics.one"),
    ],
)
def test_a_reader_who_would_close_the_circle_reads_on(
    migrated_engine: Engine,
    empty_database_url: str,
    tmp_path: Path,
    columns: str,
    migration: str | None,
    first: str,
    second: str,
) -> None:
    with psycopg.connect(empty_database_url) as reader:
        reader.execute(f"select from {first}")
        with run_in_thread(
            lambda: migrate(migrated_engine, source(tmp_path, columns=columns, migration=migration))
        ) as errors:
            wait_until_blocked(empty_database_url)
            reader.execute(f"select from {second}")
            reader.commit()
    assert errors == []


def test_account_readers_are_separated_while_others_read(engine: Engine, postgres_url: str) -> None:
    shorten_deadlock_timeout(engine)
    with psycopg.connect(postgres_url) as reader:
        reader.execute("select from analytics.segments")
        with run_in_thread(lambda: create_account_reader(engine, 7)) as errors:
            wait_until_blocked(postgres_url)
            reader.execute("select from analytics.changes")
            reader.commit()
    assert errors == []


def test_a_long_reader_is_named_in_the_error(migrated_engine: Engine, empty_database_url: str) -> None:
    waited: list[float] = []

    def change() -> None:
        with_lock_retry(
            connection,
            lambda: connection.exec_driver_sql("drop view analytics.one"),
            views=["one"],
            sleep=waited.append,
            monotonic=lambda: 40.0 * len(waited),
        )

    with psycopg.connect(empty_database_url) as reader, migrated_engine.connect() as connection:
        reader.execute("select from analytics.one")
        with pytest.raises(DatabaseError, match=r"Other sessions held locks .* for a minute.* pg_stat_activity"):
            change()
        assert len(waited) == 2, "then a minute was over"
        reader.rollback()
        change()
        assert len(waited) == 2


def test_what_only_adds_waits_for_no_reader(migrated_engine: Engine, empty_database_url: str, tmp_path: Path) -> None:
    more = "create table amocrm.three (id bigint references amocrm.two); -- amocrm.one"
    with migrated_engine.begin() as connection:
        connection.exec_driver_sql("alter table amocrm.two add primary key (account_id)")
    with psycopg.connect(empty_database_url) as reader:
        reader.execute("select from analytics.one, analytics.two")
        assert migrate(migrated_engine, source(tmp_path, migration=more)).migrations == ("0002_more.sql",)


def test_a_writer_into_what_is_referred_to_writes_on(
    migrated_engine: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    more = (
        "alter table amocrm.one add column x int;"
        "alter table amocrm.one add foreign key (account_id) references amocrm.two;"
    )
    with migrated_engine.begin() as connection:
        connection.exec_driver_sql("alter table amocrm.two add primary key (account_id)")
    with psycopg.connect(empty_database_url) as writer:
        writer.execute("insert into amocrm.two values (1)")
        with run_in_thread(lambda: migrate(migrated_engine, source(tmp_path, migration=more))) as errors:
            wait_until_blocked(empty_database_url)
            writer.execute("insert into amocrm.one values (1)")
            writer.commit()
    assert errors == []
