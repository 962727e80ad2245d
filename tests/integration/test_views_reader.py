"""The role amocrm_reader reads ``analytics`` and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, text

import sql
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.roles import create_roles_sql
from pipelines.warehouse.wide_views import update_wide_view, view_name
from tests.records import ACCOUNT_ID
from tests.sample_history import publish_history

VIEWS: Final = sorted(file.name.removesuffix(".sql") for file in files(sql).joinpath("views").iterdir())


@pytest.fixture
def reader(engine: Engine, postgres_url: str) -> Iterator[psycopg.Connection]:
    """A session with the rights of a reader, on a database with a history."""
    publish_history(engine)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("set session authorization amocrm_reader")
        yield connection


@pytest.mark.parametrize("view", VIEWS)
def test_reads_every_view_as_its_owner_does(engine: Engine, reader: psycopg.Connection, view: str) -> None:
    everything = SQL("select * from {} as shown").format(Identifier("analytics", view)).as_string()
    with engine.connect() as owner:
        rows = [tuple(row) for row in owner.execute(text(everything))]
    assert len(reader.execute(everything).fetchall()) == len(rows)


def test_reads_the_wide_view_of_an_account(engine: Engine, reader: psycopg.Connection) -> None:
    assert update_wide_view(engine, ACCOUNT_ID)
    wide = SQL('select name, "Discount, %" from {}').format(Identifier("analytics", view_name(ACCOUNT_ID)))
    assert sorted(reader.execute(wide).fetchall()) == [("Cold", None), ("Fresh", None), ("VIP club", 15)]


@pytest.mark.parametrize(
    ("call", "row_count"),
    [
        (f"analytics.as_of({ACCOUNT_ID}, '2026-03-30')", 3),
        (f"analytics.flows_between({ACCOUNT_ID}, 'stage', 1, '2026-03-30', 1, '2026-03-31', 2)", 0),
        (f"analytics.stages_as_of({ACCOUNT_ID}, '2026-04-02 00:00+02')", 2),
        (f"analytics.segments_by_field({ACCOUNT_ID})", 3),
        (f"analytics.value_text({ACCOUNT_ID}, 7, '[70]', '2026-03-30')", 1),
        ("analytics.conditions_text('[[{}]]')", 1),
        ("analytics.rule_text('{}')", 1),
        ("analytics.stage_type_text('1')", 1),
    ],
)
def test_calls_every_function(reader: psycopg.Connection, call: str, row_count: int) -> None:
    assert len(reader.execute(f"select * from {call}".encode()).fetchall()) == row_count


def test_no_function_is_left_out(engine: Engine) -> None:
    with engine.connect() as connection:
        names = connection.scalars(
            text("select proname from pg_proc where pronamespace = 'analytics'::regnamespace order by 1")
        ).all()
    assert names == [
        "as_of",
        "conditions_text",
        "flows_between",
        "rule_text",
        "segments_by_field",
        "stage_type_text",
        "stages_as_of",
        "value_text",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from amocrm.snapshot",
        "select * from amocrm.raw_body",
        "select count(*) from amocrm.account",
        "insert into amocrm.load_failure values ('x', now(), 1, now(), 'x', 'x', 'x')",
        "delete from analytics.data_quality",
        "update analytics.field_history set name = 'x'",
        "create table analytics.mine (id int)",
        "create view analytics.mine as select 1 as id",
        "create table public.mine (id int)",
        "create schema mine",
        "drop view analytics.segments",
        "create role mine",
        "select pg_read_file('/etc/passwd')",
        "copy (select 1) to program 'true'",
    ],
)
def test_a_reader_only_reads(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
        reader.execute(statement)


def test_sees_no_table_at_all(reader: psycopg.Connection) -> None:
    visible = reader.execute(
        "select distinct table_schema from information_schema.tables"
        " where table_schema not in ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert visible == [("analytics",)]


def test_members_read_what_it_reads(engine: Engine, postgres_url: str) -> None:
    """The documented way: a role for each tool, in the role amocrm_reader."""
    publish_history(engine)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("create role some_dashboard login password 'made up' in role amocrm_reader")
        try:
            admin.execute("set session authorization some_dashboard")
            assert admin.execute("select count(*) from analytics.segments").fetchone() == (3,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute("select * from amocrm.account")
            admin.execute("reset session authorization")
        finally:
            admin.execute("drop role some_dashboard")


def test_views_that_come_later_are_readable_too(engine: Engine, reader: psycopg.Connection) -> None:
    with engine.begin() as connection:
        connection.execute(text("create view analytics.later as select 1 as one"))
    assert reader.execute("select one from analytics.later").fetchone() == (1,)


def test_migrating_without_the_right_to_make_roles(empty_database_url: str, engine: Engine) -> None:
    """Where somebody else makes roles, migrating works all the same, and grants what is there to be granted."""
    name = "owner_without_rights"
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        database = admin.info.dbname
        admin.execute(SQL("create role {} login password 'made up'").format(Identifier(name)))
        try:
            admin.execute(SQL("alter database {} owner to {}").format(Identifier(database), Identifier(name)))
            address = psycopg.conninfo.conninfo_to_dict(empty_database_url)
            owner = open_engine(f"postgresql://{name}:made%20up@{address['host']}:{address['port']}/{database}")
            missing = migrate(owner).missing_roles
            assert len(missing) == 3
            admin.execute(create_roles_sql(missing).encode())
            assert migrate(owner).granted == missing
            owner.dispose()
            admin.execute(SQL("set session authorization {}").format(Identifier(missing[0])))
            assert admin.execute("select * from analytics.segments").fetchall() == []
            admin.execute("reset session authorization")
        finally:
            admin.execute("reset session authorization")
            admin.execute("drop schema amocrm, analytics, members cascade")
            admin.execute(SQL("drop owned by {}").format(Identifier(name)))
            admin.execute(SQL("alter database {} owner to current_user").format(Identifier(database)))
            admin.execute(SQL("drop role {}").format(Identifier(name)))
