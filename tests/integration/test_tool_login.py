"""The login for BI tools reads what readers may; no statement shows its password."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from pipelines.base.errors import DatabaseError, MigrationError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.tool_login import reader_url
from tests.conftest import render_url
from tests.sample_history import publish_history

LOGIN = "some_tool"


@pytest.fixture
def no_login_left(postgres_url: str) -> Iterator[None]:
    """Roles belong to the server, which other tests use."""
    yield
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(SQL("drop role if exists {}").format(Identifier(LOGIN)))


@pytest.mark.usefixtures("no_login_left")
def test_it_reads_and_writes_nothing(engine: Engine) -> None:
    publish_history(engine)
    with psycopg.connect(render_url(reader_url(engine, LOGIN)), autocommit=True) as reader:
        assert reader.execute("select count(*) from segments").fetchone() == (3,)
        assert reader.execute("show statement_timeout").fetchone() == ("1min",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("select * from amocrm.account")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("create temporary table mine (id int)")


@pytest.mark.usefixtures("no_login_left")
def test_each_time_it_has_a_new_password(engine: Engine) -> None:
    first, second = reader_url(engine, LOGIN), reader_url(engine, LOGIN)
    assert first.password != second.password
    with psycopg.connect(render_url(second)):
        pass
    own = open_engine(render_url(second))
    assert reader_url(own, LOGIN) == own.url, "a reader needs no other login"
    own.dispose()


@pytest.mark.usefixtures("no_login_left")
def test_who_may_make_no_logins_is_told_what_to_do(engine: Engine, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("create role mere_owner login password 'made up'")
        admin.execute("grant usage on schema amocrm to mere_owner")
        try:
            owner = open_engine(render_url(engine.url.set(username="mere_owner", password="made up")))
            with pytest.raises(DatabaseError, match="may not create the login 'some_tool'"):
                reader_url(owner, LOGIN)
            owner.dispose()
        finally:
            admin.execute("drop owned by mere_owner")
            admin.execute("drop role mere_owner")


def test_without_views_there_is_nothing_to_read(empty_database_url: str) -> None:
    empty = open_engine(empty_database_url)
    with pytest.raises(MigrationError, match="no views"):
        reader_url(empty, LOGIN)
    empty.dispose()
