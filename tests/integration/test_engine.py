"""Connections, and errors of Postgres: types, advice, and no password."""

from __future__ import annotations

import re
import threading
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from pipelines.base.errors import DatabaseError, DatabaseUnavailable, SettingsError, WarehouseError
from pipelines.base.secret import Secret
from pipelines.config.database_url import parse_database_url
from pipelines.config.settings import Settings
from pipelines.warehouse import engine as engine_module
from pipelines.warehouse.engine import database_url, open_engine, open_warehouse, transaction, translate_database_errors
from tests.conftest import pg_bin, shared_temporary_folder


def caught_in(engine: Engine, statement: str) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught, transaction(engine, account="acme") as connection:
        connection.execute(text(statement))
    return caught.value


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_address_is_understood(postgres_url: str, scheme: str) -> None:
    engine = open_engine(postgres_url.replace("postgresql", scheme, 1))
    with engine.connect() as connection:
        assert connection.scalar(text("select 1")) == 1
    engine.dispose()


def test_a_session_has_our_settings(engine: Engine) -> None:
    shown = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings where name = any(:names)"
    names = [
        "DateStyle",
        "TimeZone",
        "application_name",
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
    ]
    expected = (
        "DateStyle=ISO, YMD TimeZone=UTC application_name=amocrm-warehouse idle_in_transaction_session_timeout=900000 "
        "lock_timeout=60000 statement_timeout=600000"
    )
    for _ in range(2):  # what a session begins with survives a transaction that is rolled back
        with engine.connect() as connection:
            assert connection.scalar(text(shown), {"names": names}) == expected
            connection.rollback()


def test_what_the_address_says_wins(postgres_url: str) -> None:
    engine = open_engine(f"{postgres_url}?application_name=mine")
    with engine.connect() as connection:
        assert connection.scalar(text("select current_setting('application_name')")) == "mine"
    engine.dispose()


def test_a_server_that_does_not_answer(postgres_url: str) -> None:
    address = parse_database_url(postgres_url).set(port=1, password="canary")
    url = address.render_as_string(hide_password=False)
    with pytest.raises(
        DatabaseUnavailable, match=r"Cannot connect to Postgres at .*:1/.*: .*[Cc]onnection refused.*"
    ) as caught:
        open_engine(url).connect()
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "canary"}, "password authentication failed for user"),
        ({"database": "no_such_database"}, 'database "no_such_database" does not exist'),
        ({"query": {"sslmode": "canary-mode"}}, "invalid sslmode value"),
        ({"query": {"no_such_option": "1"}}, 'invalid connection option "no_such_option"'),
    ],
)
def test_a_server_that_refuses_says_why(postgres_url: str, change: dict[str, object], says: str) -> None:
    address = parse_database_url(postgres_url)
    url = address.set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
    with pytest.raises(DatabaseUnavailable, match=says) as caught:
        open_engine(url).connect()
    assert str(address.password) not in str(caught.value)
    assert "Check DATABASE_URL" in str(caught.value)


def test_a_password_equal_to_the_user_name_is_hidden(postgres_url: str) -> None:
    address = parse_database_url(postgres_url).set(username="canary", password="canary")
    with pytest.raises(DatabaseUnavailable, match=r'failed for user "\*\*\*"') as caught:
        open_engine(address.render_as_string(hide_password=False)).connect()
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_an_old_server_is_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "MIN_SERVER_VERSION", 99)
    with pytest.raises(DatabaseUnavailable, match=r"is PostgreSQL \d\d; 99 or newer is required.*Upgrade it"):
        open_engine(postgres_url).connect()


def test_a_session_that_cannot_be_set_up_is_closed(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "statement_text", lambda _: SQL("select no_column"))
    engine = open_engine(postgres_url)
    with pytest.raises(psycopg.Error, match="no_column") as kept, engine.begin():
        pass
    engine.dispose()
    left = "select count(*) from pg_stat_activity where application_name = 'amocrm-warehouse' and datname = %s"
    with psycopg.connect(postgres_url, autocommit=True) as other:
        end = time.monotonic() + 30
        while other.execute(left, (other.info.dbname,)).fetchone() != (0,):  # the server takes its time to notice
            assert time.monotonic() < end, f"left open after {kept.value}"


@pytest.mark.parametrize(
    "wrong", ["mysql://u:canary@db/w", "postgresql+psycopg2://u:canary@db/w", "canary", "postgresql://u:c@nary@db/w"]
)
def test_an_address_that_is_none_is_not_repeated(wrong: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_engine(wrong)
    assert not re.search("canary|nary", "".join(traceback.format_exception_only(caught.value)))


def test_a_statement_that_is_refused(engine: Engine) -> None:
    error = caught_in(engine, "select :: from nowhere where x = 'canary'")
    assert type(error) is DatabaseError
    assert str(error).startswith("account 'acme': Postgres rejected a statement: syntax error at or near")
    assert "canary" not in str(error)


def test_values_in_postgres_errors_are_hidden(engine: Engine) -> None:
    twice = "create temporary table t (x text unique); insert into t values ('canary'), ('canary')"
    with pytest.raises(DatabaseError) as caught, transaction(engine) as connection:
        connection.exec_driver_sql(twice, execution_options={"no_parameters": True})
    assert isinstance(caught.value.__cause__, DBAPIError)
    original = caught.value.__cause__.orig
    assert isinstance(original, psycopg.Error)
    assert "(canary)" in str(original.diag.message_detail)
    assert "canary" not in str(caught.value) + str(original), "tracebacks show it too"


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("set local statement_timeout = 1; select pg_sleep(9)", "exceeded its time limit"),
        ("set transaction read only; create table t (id int)", "read-only: set DATABASE_URL to the primary"),
        ("do $$ begin raise exception using errcode = '53100', message = 'full'; end $$", "disk is full"),
        ("do $$ begin raise exception using errcode = '53300', message = 'many'; end $$", "out of connections"),
        (
            "do $$ begin raise exception using errcode = '40001', message = 'later'; end $$",
            "conflicted with this one; it is safe to run again",
        ),
        (
            "do $$ begin raise exception using errcode = '42501', message = 'no'; end $$",
            "Grant the privilege to the role",
        ),
        ("select 1 / 0", "Nothing was written"),
    ],
)
def test_advice_fits_the_error(engine: Engine, statement: str, advice: str) -> None:
    with pytest.raises(DatabaseError, match=advice) as caught, transaction(engine) as connection:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    assert not isinstance(caught.value, DatabaseUnavailable)


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(DatabaseError), transaction(engine) as connection:
        connection.execute(text("create table half (id int)"))
        connection.execute(text("select 1 / 0"))
    with transaction(engine) as connection:
        assert connection.scalar(text("select to_regclass('half')")) is None


def test_a_connection_that_is_cut_is_unavailable_and_the_next_one_works(engine: Engine) -> None:
    with (
        pytest.raises(DatabaseUnavailable, match=r"connection to Postgres was lost.*safe to run again"),
        transaction(engine) as connection,
    ):
        me = connection.scalar(text("select pg_backend_pid()"))
        with engine.begin() as other:
            other.execute(text("select pg_terminate_backend(:pid, 10000)"), {"pid": me})
        connection.execute(text("select 1"))
    with transaction(engine) as connection:
        assert connection.scalar(text("select 1")) == 1


def test_errors_of_psycopg_itself_are_ours_too(postgres_url: str) -> None:
    with (
        pytest.raises(DatabaseError, match="division by zero"),
        translate_database_errors(),
        psycopg.connect(postgres_url) as connection,
    ):
        connection.execute("select 1 / 0")


def test_parameters_are_not_in_tracebacks(engine: Engine) -> None:
    given = {"given": "canary"}
    with pytest.raises(DatabaseError) as caught, transaction(engine) as connection:
        connection.execute(text("select 1 / (length(:given) - 6)"), given)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_threads_share_a_pool(engine: Engine) -> None:
    meet = threading.Barrier(12, timeout=60)
    responses: list[int] = []

    def work() -> None:
        with transaction(engine) as connection:
            meet.wait()  # all hold a connection at the same time
            responses.append(connection.scalar(text("select 1")))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert responses == [1] * 12


def test_every_thread_of_a_fleet_has_a_connection(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=Secret(postgres_url), threads=24)
    with open_warehouse(settings) as engine, ExitStack() as held:
        for _ in range(settings.threads):
            held.enter_context(transaction(engine))


def test_the_warehouse_is_where_the_settings_say(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=Secret(postgres_url))
    with open_warehouse(settings) as engine, transaction(engine) as connection:
        assert connection.scalar(text("select current_database()")) == parse_database_url(postgres_url).database
    assert not list(tmp_path.iterdir())


def test_without_an_address_the_embedded_server_serves() -> None:
    with shared_temporary_folder() as folder:
        settings = Settings(data_dir=folder / "data", pg_bin=pg_bin())
        with database_url(settings) as url, open_warehouse(settings) as engine, transaction(engine) as connection:
            assert connection.scalar(text("select current_database()")) == "warehouse"
            assert connection.scalar(text("select inet_server_port()")) == parse_database_url(url).port
