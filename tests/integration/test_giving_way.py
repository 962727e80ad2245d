"""Changing tables and views while others read: whoever changes gives way, and no reader is ever ended by a deadlock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from pipelines.errors import DatabaseError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.giving_way import giving_way
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.readers import make_account_reader

LOOKS_AFTER = 0.2
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


def look_soon_for_deadlocks(engine: Engine) -> None:
    """Have all sessions of the database that begin from now on."""
    with engine.begin() as connection:
        name = connection.exec_driver_sql("select current_database()").scalar_one()
        connection.exec_driver_sql(f"alter database {name} set deadlock_timeout = '{LOOKS_AFTER}s'")
    engine.dispose()


@pytest.fixture
def made(empty_database_url: str, tmp_path: Path) -> Iterator[Engine]:
    """A database with the two tables and their views."""
    engine = open_engine(empty_database_url)
    look_soon_for_deadlocks(engine)
    migrate(engine, source(tmp_path))
    yield engine
    engine.dispose()


@contextmanager
def doing(work: Callable[[], object]) -> Iterator[list[Exception]]:
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


def wait_for_one_who_waits(url: str) -> None:
    """Until somebody waits for a lock of a table or view, and for as long again as it takes to see a deadlock."""
    waiting = "select count(*) from pg_locks where locktype = 'relation' and not granted"
    with psycopg.connect(url, autocommit=True) as other:
        while other.execute(waiting).fetchone() == (0,):
            time.sleep(0.005)
    time.sleep(2 * LOOKS_AFTER)


@pytest.mark.parametrize(
    ("columns", "migration", "first", "second"),
    [
        (", 1 as more", None, "analytics.two", "analytics.one"),
        ("", BOTH, "amocrm.two", "amocrm.one"),
        ("", BOTH, "amocrm.two", "analytics.one"),
    ],
)
def test_a_reader_who_would_close_the_circle_reads_on(
    made: Engine, empty_database_url: str, tmp_path: Path, columns: str, migration: str | None, first: str, second: str
) -> None:
    with psycopg.connect(empty_database_url) as reader:
        reader.execute(f"select from {first}")
        with doing(lambda: migrate(made, source(tmp_path, columns=columns, migration=migration))) as errors:
            wait_for_one_who_waits(empty_database_url)
            reader.execute(f"select from {second}")
            reader.commit()
    assert errors == []


def test_readers_of_single_accounts_are_told_apart_while_others_read(engine: Engine, postgres_url: str) -> None:
    look_soon_for_deadlocks(engine)
    with psycopg.connect(postgres_url) as reader:
        reader.execute("select from analytics.segments")
        with doing(lambda: make_account_reader(engine, 7)) as errors:
            wait_for_one_who_waits(postgres_url)
            reader.execute("select from analytics.changes")
            reader.commit()
    assert errors == []


def test_a_reader_who_reads_for_too_long_is_told_of(made: Engine, empty_database_url: str) -> None:
    waited: list[float] = []

    def change() -> None:
        giving_way(
            connection,
            lambda: connection.exec_driver_sql("drop view analytics.one"),
            views=["one"],
            sleep=waited.append,
            monotonic=lambda: 40.0 * len(waited),
        )

    with psycopg.connect(empty_database_url) as reader, made.connect() as connection:
        reader.execute("select from analytics.one")
        with pytest.raises(DatabaseError, match=r"Others have read or written, for a minute .* pg_stat_activity"):
            change()
        assert len(waited) == 2, "then a minute was over"
        reader.rollback()
        change()
        assert len(waited) == 2


def test_what_only_adds_waits_for_no_reader(made: Engine, empty_database_url: str, tmp_path: Path) -> None:
    more = "create table amocrm.three (id bigint references amocrm.two); -- amocrm.one"
    with made.begin() as connection:
        connection.exec_driver_sql("alter table amocrm.two add primary key (account_id)")
    with psycopg.connect(empty_database_url) as reader:
        reader.execute("select from analytics.one, analytics.two")
        assert migrate(made, source(tmp_path, migration=more)).migrations == ("0002_more.sql",)


def test_a_writer_into_what_is_referred_to_writes_on(made: Engine, empty_database_url: str, tmp_path: Path) -> None:
    more = (
        "alter table amocrm.one add column x int;"
        "alter table amocrm.one add foreign key (account_id) references amocrm.two;"
    )
    with made.begin() as connection:
        connection.exec_driver_sql("alter table amocrm.two add primary key (account_id)")
    with psycopg.connect(empty_database_url) as writer:
        writer.execute("insert into amocrm.two values (1)")
        with doing(lambda: migrate(made, source(tmp_path, migration=more))) as errors:
            wait_for_one_who_waits(empty_database_url)
            writer.execute("insert into amocrm.one values (1)")
            writer.commit()
    assert errors == []
