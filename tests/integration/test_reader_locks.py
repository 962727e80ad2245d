"""A reader cannot stop loads, migrations or applies by locks, transactions or connections."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, event, make_url, text

from commands.doctor.reader_limits import check_reader_limits
from pipelines.base.errors import DatabaseError, DatabaseUnavailable
from pipelines.warehouse import engine as engine_module
from pipelines.warehouse import locks as giving_way_module
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.raw import purge_responses
from pipelines.warehouse.reader_logins import limit_logins, make_reader_login, unlimited_logins
from pipelines.warehouse.readers import create_account_reader
from pipelines.warehouse.wide_views import update_wide_view
from pipelines.warehouse.work_locks import lock_work
from pipelines.writeback.journal import apply_lock
from tests.records import ACCOUNT_ID
from tests.sample_history import publish_history

PROJECT = Path(__file__).parents[2]
LOGIN = "bi1"
SECONDS = 10.0
"""Within these all work is done; a lock would be waited for a minute."""
MANY = 500
"""More wide views than a transaction needs locks."""


@pytest.fixture
def reader_url(postgres_url: str) -> Iterator[str]:
    """A login without limits that reads every account."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"create role {LOGIN} login password 'made-up' in role amocrm_reader")
        try:
            address = make_url(postgres_url).set(username=LOGIN, password="made-up")
            yield address.render_as_string(hide_password=False)
        finally:
            admin.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{LOGIN}'")
            wait_until_disconnected(admin)
            admin.execute(f"drop owned by {LOGIN}")
            admin.execute(f"drop role {LOGIN}")


def wait_until_disconnected(admin: psycopg.Connection) -> None:
    """Wait until the server has ended the login's sessions: it does so only after the client has closed them."""
    for _ in range(600):
        if admin.execute(f"select count(*) from pg_stat_activity where usename = '{LOGIN}'").fetchone() == (0,):
            return
        time.sleep(0.05)
    pytest.fail("a session of the login did not end")


def test_advisory_locks_stop_nothing(engine: Engine, reader_url: str) -> None:
    publish_history(engine)
    keys = (
        "amocrm.schema_migration",
        "amocrm.raw_answer",
        "amocrm.size_alert",
        "amocrm.write_back",
        "analytics.segments_by_field",
    )
    with psycopg.connect(reader_url, autocommit=True) as reader:
        for key in keys:
            for seed in (0, ACCOUNT_ID):
                reader.execute("select pg_advisory_lock(hashtextextended(%s, %s))", (key, seed))
        began = time.monotonic()
        migrate(engine)
        with transaction(engine) as connection:
            purge_responses(connection, ACCOUNT_ID, until=datetime(2020, 1, 1, tzinfo=UTC))
            lock_work(connection, "size_alert", ACCOUNT_ID)
        assert update_wide_view(engine, ACCOUNT_ID)
        with apply_lock(engine, ACCOUNT_ID, "main"):
            pass
        assert time.monotonic() - began < SECONDS


def test_no_statement_takes_an_advisory_lock() -> None:
    files = [
        *(PROJECT / "sql").rglob("*.sql"),
        *(PROJECT / "pipelines").rglob("*.py"),
        *(PROJECT / "assets").rglob("*.py"),
    ]
    signature = "'pg_catalog.pg_advisory_lock(bigint)'"  # doctor asks who may call it
    texts = {file: file.read_text(encoding="utf-8").replace(signature, "") for file in files}
    assert [file for file, content in texts.items() if "pg_advisory" in content] == []


def test_a_reader_can_lock_nothing_but_against_changes_of_views(engine: Engine, reader_url: str) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select oid::regclass::text, relkind from pg_class where relnamespace in ('amocrm'::regnamespace,"
                " 'analytics'::regnamespace) and relkind in ('r', 'p', 'v')"
            )
        ).all()
    modes = (
        "row share",
        "row exclusive",
        "share update exclusive",
        "share",
        "share row exclusive",
        "exclusive",
        "access exclusive",
    )
    taken = []
    with psycopg.connect(reader_url, autocommit=True) as reader:
        for name, kind in found:
            for mode in ("access share", *modes) if kind != "v" else modes:
                with (
                    pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable)),
                    reader.transaction(),
                ):
                    reader.execute(f"lock table {name} in {mode} mode nowait".encode())
                    taken.append((name, mode))
            with pytest.raises(psycopg.Error), reader.transaction():
                reader.execute(f"select * from {name} for key share".encode())
                taken.append((name, "for key share"))
    assert taken == []


def test_migrating_names_the_reader_in_the_way(
    engine: Engine, reader_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_way_module, "MAX_RETRY_SECONDS", 0.0)
    with engine.begin() as connection:
        connection.exec_driver_sql("update amocrm.schema_view set checksum = 'of an older version'")
    with psycopg.connect(reader_url, application_name="bi\x1b[31mtool") as reader:
        reader.execute("select from analytics.segments")
        pid = reader.info.backend_pid
        with pytest.raises(DatabaseError) as raised:
            migrate(engine)
    message = str(raised.value)
    assert f"pid {pid} (role {LOGIN}, bi" in message
    assert ", since 20" in message
    assert f"select pg_terminate_backend({pid})." in message
    assert "\x1b" not in message
    migrate(engine)


def test_no_transaction_needs_more_locks_if_there_are_more_wide_views(engine: Engine, postgres_url: str) -> None:
    lock_counts = []

    @event.listens_for(engine, "commit")
    def count_locks(connection: Connection) -> None:
        query = "select count(*) from pg_locks where pid = pg_backend_pid()"
        lock_counts.append(connection.exec_driver_sql(query).scalar_one())

    create_views = f"""
        do $$ begin
            for number in 1..{MANY} loop
                execute format('create view analytics.segments_%s as select 1 as one', number);
            end loop;
        end $$"""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(create_views.encode())
        for step in (migrate, partial(create_account_reader, account_id=ACCOUNT_ID), migrate):
            admin.execute("update amocrm.schema_view set checksum = 'of an older version'")
            step(engine)
            if step is not migrate:  # then come views of loads that began before
                assert admin.execute("select to_regclass('analytics.segments_1')").fetchone() == (None,)
                admin.execute(create_views.encode())
        assert admin.execute("select to_regclass('analytics.segments_1')").fetchone() == (None,)
    assert 0 < max(lock_counts) < MANY


def test_a_load_that_waits_in_vain_names_who_is_in_the_way(engine: Engine, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, application_name="of somebody") as other:
        other.execute("insert into amocrm.work_lock (work, account_id) values ('raw_answer', %s)", (ACCOUNT_ID,))
        with pytest.raises(DatabaseError) as raised, transaction(engine, account="main") as connection:
            connection.exec_driver_sql("set local lock_timeout = '50ms'")
            lock_work(connection, "raw_answer", ACCOUNT_ID)
        assert f"pid {other.info.backend_pid} (role {other.info.user}, of somebody, since" in str(raised.value)


@pytest.mark.parametrize(
    "making",
    [
        "create temporary view mine as select * from analytics.segments",
        "create temporary table mine (kept analytics.segments)",
        "create temporary table mine (kept analytics.segments[])",
        "create domain pg_temp.mine as analytics.segments",
        "create function pg_temp.mine(analytics.segments) returns int language sql as 'select 1'",
        "create function pg_temp.mine() returns bigint begin atomic select count(*) from analytics.segments; end",
    ],
)
def test_migrating_names_the_session_whose_temporary_object_is_in_the_way(
    engine: Engine, reader_url: str, making: str
) -> None:
    with psycopg.connect(reader_url, autocommit=True) as reader:
        reader.execute(making.encode())
        with pytest.raises(DatabaseError) as raised, transaction(engine) as connection:
            connection.exec_driver_sql("drop view analytics.segments")
        message = str(raised.value)
        assert re.search(r"pg_temp_\d+\.mine.* depends on \w+ analytics\.segments", message)
        assert f"pid {reader.info.backend_pid} (role {LOGIN}" in message


def test_an_apply_names_the_other_and_ends_with_its_connection(engine: Engine) -> None:
    with apply_lock(engine, ACCOUNT_ID, "main"):
        with (
            pytest.raises(DatabaseError, match=r"Another apply.*pid \d+ .*amocrm-warehouse, since"),
            apply_lock(engine, ACCOUNT_ID, "main"),
        ):
            pass
        with apply_lock(engine, ACCOUNT_ID + 1, "second"):
            pass
    with apply_lock(engine, ACCOUNT_ID, "main"):
        pass


def test_settings_and_locks_do_not_outlive_a_transaction(engine: Engine) -> None:
    """Else a pooler that works by transaction hands them to other clients."""
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("select 1")
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        connection.rollback()
        driver.autocommit = True
        for name, setting in (
            ("statement_timeout", "0"),
            ("lock_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
        ):
            assert driver.execute(f"show {name}".encode()).fetchone() == (setting,)
        assert driver.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone() == (0,)
        for _ in range(10):
            driver.execute("select %s::int", (1,))
        assert driver.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)
        driver.autocommit = False


def test_a_login_of_ours_cannot_take_every_connection(engine: Engine, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin, ExitStack() as until:
        until.callback(admin.execute, SQL("drop role if exists {}").format(Identifier("acme_bi")))
        password = make_reader_login(engine, "amocrm_reader", "acme_bi")
        url = make_url(postgres_url).set(username="acme_bi", password=password).render_as_string(hide_password=False)
        for _ in range(10):
            until.callback(psycopg.connect(url).close)
        with pytest.raises(psycopg.OperationalError, match='too many connections for role "acme_bi"'):
            psycopg.connect(url)


def test_migrating_limits_logins_that_are_there(engine: Engine, reader_url: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"alter role {LOGIN} set statement_timeout = 0")
        assert [one.login for one in unlimited_logins(connection)] == [LOGIN]
        assert f"alter role {LOGIN} connection limit 10;" in unlimited_logins(connection)[0].changes
    assert migrate(engine).limited_logins == (LOGIN,)
    with psycopg.connect(reader_url) as reader:
        assert reader.execute("show statement_timeout").fetchone() == ("1min",)
    assert migrate(engine).limited_logins == ()


def test_who_may_not_limit_a_login_goes_on(engine: Engine, postgres_url: str, reader_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("create role mere_owner login password 'made-up'")
        try:
            url = make_url(postgres_url).set(username="mere_owner", password="made-up")
            owner = open_engine(url.render_as_string(hide_password=False))
            with owner.begin() as connection:
                assert limit_logins(connection) == ()
                assert [one.login for one in unlimited_logins(connection)] == [LOGIN]
            owner.dispose()
            check = check_reader_limits(engine)
            assert check.status == "warning"
            assert f"alter role {LOGIN} connection limit 10;" in str(check)
        finally:
            admin.execute("drop role mere_owner")


def test_a_full_server_is_retried_until_there_is_room(
    reader_url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "CONNECT_RETRY_PAUSE_SECONDS", 0.02)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"alter role {LOGIN} connection limit 1")
    taken = psycopg.connect(reader_url)
    engine = open_engine(reader_url)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(engine.connect)
        time.sleep(0.2)
        assert not work.done()
        taken.close()
        work.result(SECONDS).close()
    engine.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        wait_until_disconnected(admin)
    monkeypatch.setattr(engine_module, "CONNECT_RETRY_SECONDS", 0.0)
    with psycopg.connect(reader_url), pytest.raises(DatabaseUnavailable, match="CONNECTION LIMIT"):
        engine.connect()
    engine.dispose()
