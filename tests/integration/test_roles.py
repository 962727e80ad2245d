"""Rights of each role: the loader adds and closes, an account reader sees one account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, create_engine, text

import sql
from commands.doctor.roles import check_lock_table, check_readers, check_rights, check_roles
from commands.migrate import describe_missing_roles
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import MigrationResult, migrate
from pipelines.warehouse.publish import publish
from pipelines.warehouse.readers import create_account_reader, reader_role_name
from pipelines.warehouse.wide_views import update_wide_view, view_name
from tests.conftest import NewDatabase
from tests.records import ACCOUNT_ID, origin
from tests.sample_history import HISTORY, THURSDAY, publish_history

OTHER_ID: Final = ACCOUNT_ID + 1
THIRD_ID: Final = ACCOUNT_ID + 2
VIEWS: Final = sorted(file.name.removesuffix(".sql") for file in files(sql).joinpath("views").iterdir())
NAMED_FUNCTIONS: Final = (
    "analytics.as_of({}, '2026-03-30')",
    "analytics.stages_as_of({}, '2026-04-02 00:00+02')",
    "analytics.segments_by_field({})",
)


@contextmanager
def session(url: str, role: str) -> Iterator[psycopg.Connection]:
    """A session with the rights of a role, as a login in it has them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("set session authorization {}").format(Identifier(role)))
        yield connection


# --- The loader ------------------------------------------------------------------------------------------------------


@pytest.fixture
def loader(postgres_url: str) -> Iterator[Engine]:
    """The warehouse by a login that is in amocrm_loader and owns nothing."""
    role = "some_loader"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(SQL("create role {} login password 'made up' in role amocrm_loader").format(Identifier(role)))
        address = admin.info
        engine = create_engine(f"postgresql+psycopg://{role}:made%20up@{address.host}:{address.port}/{address.dbname}")
        try:
            yield engine
        finally:
            engine.dispose()
            admin.execute(SQL("drop role {}").format(Identifier(role)))


def test_the_loader_publishes_a_whole_history(loader: Engine, engine: Engine) -> None:
    publish_history(loader)
    assert update_wide_view(loader, ACCOUNT_ID)
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from amocrm.snapshot")) == len(HISTORY)
        assert (
            connection.scalar(text("select to_regclass(:view)"), {"view": f"analytics.{view_name(ACCOUNT_ID)}"}) is None
        )


def test_a_migration_by_the_loader_leaves_nothing_of_its_own(loader: Engine, engine: Engine) -> None:
    """Nobody but a superuser could restore a dump that names the loader's login as the owner of something."""
    migrate(loader)
    with engine.connect() as connection:
        assert not connection.scalars(
            text("select oid from pg_default_acl where defaclrole = 'some_loader'::regrole")
        ).all()


def test_no_table_is_left_out(engine: Engine) -> None:
    """A table that nobody granted to the loader fails here, not in production."""
    unreadable = text("""
        select relname from pg_class
        where relnamespace = 'amocrm'::regnamespace and relkind = 'r'
            and not has_table_privilege('amocrm_loader', oid, 'select')
    """)
    with engine.connect() as connection:
        assert connection.scalars(unreadable).all() == []


@pytest.mark.parametrize(
    "statement",
    [
        "update amocrm.segment_version set name = 'rewritten'",
        "update amocrm.segment_version set valid_from = valid_from",
        "update amocrm.segment_size set customers_count = 0",
        "update amocrm.snapshot set segment_count = 0",
        "delete from amocrm.snapshot",
        "delete from amocrm.segment_version",
        "delete from amocrm.segment_size",
        "delete from amocrm.load_failure",
        "delete from amocrm.write_back",
        "truncate amocrm.segment_size",
        "insert into amocrm.schema_migration values (99, 'x', 'x')",
        "create table amocrm.mine (id int)",
        "create view analytics.mine as select 1 as id",
        "create or replace view analytics.snapshots as select 1 as id",
        "alter table amocrm.snapshot add column mine int",
        "alter table amocrm.segment_version disable trigger closed_is_closed",
        "drop table amocrm.segment_size",
        "drop view analytics.segments",
        "create role mine",
        "create schema mine",
    ],
)
def test_the_loader_rewrites_and_defines_nothing(postgres_url: str, statement: str) -> None:
    with session(postgres_url, "amocrm_loader") as loader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        loader.execute(statement.encode())


@pytest.mark.parametrize("table", ["stage_version", "field_version", "option_version", "segment_version"])
def test_closed_versions_cannot_be_changed(engine: Engine, postgres_url: str, table: str) -> None:
    publish_history(engine, until=THURSDAY)
    reopened = SQL("update {} set valid_to = null, end_reason = null where valid_to is not null").format(
        Identifier("amocrm", table)
    )
    with psycopg.connect(postgres_url) as owner:
        assert owner.execute(
            SQL("select count(*) from {} where valid_to is not null").format(Identifier("amocrm", table))
        ).fetchone() != (0,)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            owner.execute(reopened)


# --- Readers of one account ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_accounts(new_database: NewDatabase, migrated_template: str) -> Iterator[str]:
    """Name of a database with two accounts whose histories are alike, and a reader of the first."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        publish_history(engine)
        for seen in HISTORY:
            theirs = replace(seen.account, id=OTHER_ID, name="Their Coffee")
            publish(engine, replace(seen, account=theirs), origin(account_key="other"))
        for account_key, account_id in (("main", ACCOUNT_ID), ("other", OTHER_ID)):
            record_failure_as(engine, account_key, account_id)
        update_wide_view(engine, OTHER_ID)
        create_account_reader(engine, ACCOUNT_ID)
        engine.dispose()
        yield str(engine.url.database)


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest, new_database: NewDatabase, migrated_template: str) -> Iterator[str]:
    """A database of the test's own: with two accounts for who reads them, else an empty one."""
    template = request.getfixturevalue("two_accounts") if "reader" in request.fixturenames else migrated_template
    with new_database(template) as url:
        yield url


@pytest.fixture
def reader(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A session that reads the first of two accounts."""
    with session(postgres_url, reader_role_name(ACCOUNT_ID)) as connection:
        yield connection


def record_failure_as(engine: Engine, account_key: str, account_id: int | None) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into amocrm.load_failure values (:key, now(), :id, now(), 'Unavailable', 'It was out.', null)"
            ),
            {"key": account_key, "id": account_id},
        )


def rows_of(connection: psycopg.Connection, view: str) -> dict[int | None, int]:
    counted = SQL("select account_id, count(*) from {} group by 1").format(Identifier("analytics", view))
    return dict(connection.execute(counted).fetchall())


def test_every_view_shows_the_reader_s_account_and_no_other(reader: psycopg.Connection, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        for view in VIEWS:
            everything = rows_of(owner, view)
            assert rows_of(reader, view) == {
                account_id: count for account_id, count in everything.items() if account_id == ACCOUNT_ID
            }, view


def test_readers_of_all_accounts_still_see_all(reader: psycopg.Connection, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner, session(postgres_url, "amocrm_reader") as everyone:
        for view in VIEWS:
            assert rows_of(everyone, view) == rows_of(owner, view), view


def test_a_reader_of_two_accounts_sees_both(reader: psycopg.Connection, engine: Engine, postgres_url: str) -> None:
    create_account_reader(engine, OTHER_ID)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        both = SQL("create role of_both in role {}, {}").format(
            Identifier(reader_role_name(ACCOUNT_ID)), Identifier(reader_role_name(OTHER_ID))
        )
        admin.execute(both)
        try:
            admin.execute("set session authorization of_both")
            assert set(rows_of(admin, "segments")) == {ACCOUNT_ID, OTHER_ID}
            admin.execute("reset session authorization")
        finally:
            admin.execute("drop role of_both")


@pytest.mark.parametrize("function", NAMED_FUNCTIONS)
def test_functions_show_no_other_account(reader: psycopg.Connection, function: str) -> None:
    assert reader.execute(f"select * from {function.format(ACCOUNT_ID)}".encode()).fetchall()
    assert reader.execute(f"select * from {function.format(OTHER_ID)}".encode()).fetchall() == []


def test_a_leaky_condition_never_sees_other_accounts(reader: psycopg.Connection) -> None:
    """A cheap function of the reader's own would be called before the view's conditions, were they not a barrier."""
    reader.execute("""
        create function pg_temp.tell(account_id bigint, name text) returns boolean language plpgsql cost 0.0000001 as $$
        begin
            raise notice '% %', account_id, name;
            return true;
        end
        $$
    """)
    told: list[str] = []
    reader.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    reader.execute("select * from analytics.segments where pg_temp.tell(account_id, name)")
    reader.execute("select * from analytics.snapshots where pg_temp.tell(account_id, account_name)")
    assert told
    assert not [line for line in told if str(OTHER_ID) in line or "Their Coffee" in line]


def test_an_error_reveals_no_other_account(reader: psycopg.Connection) -> None:
    divided = f"select 1 / case when account_id = {OTHER_ID} then 0 else 1 end from analytics.segments"
    assert reader.execute(divided.encode()).fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "select * from amocrm.segment_version",
        "select amocrm.readable_account_ids()",
        f"select * from analytics.segments_{OTHER_ID}",
        "set role amocrm_views",
        "set row_security = off; select * from analytics.segments",
        "create view analytics.mine as select 1 as id",
        "alter table amocrm.account disable row level security",
    ],
)
def test_a_reader_of_one_account_does_nothing_else(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
        for part in statement.split("; "):
            reader.execute(part.encode())


def test_statistics_reveal_nothing(reader: psycopg.Connection, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("analyze"))
    assert reader.execute("select * from pg_stats where schemaname = 'amocrm'").fetchall() == []


def test_no_view_is_made_whose_columns_are_names(reader: psycopg.Connection, engine: Engine) -> None:
    assert update_wide_view(engine, OTHER_ID)
    assert reader.execute("select relname from pg_class where relname ~ '^segments_[0-9]+$'").fetchall() == []


def test_rebuilt_views_keep_row_level_security(reader: psycopg.Connection, engine: Engine) -> None:
    """An upgrade drops and makes views; what comes later, such as a table or an account, follows the rule too."""
    with engine.begin() as connection:
        connection.execute(text("drop view analytics.write_backs, analytics.load_outcomes"))
        connection.execute(text("create table amocrm.later (account_id bigint not null)"))
    migrate(engine)
    assert set(rows_of(reader, "load_outcomes")) == {ACCOUNT_ID}
    with engine.connect() as connection:
        assert connection.scalar(text("select relrowsecurity from pg_class where oid = 'amocrm.later'::regclass"))


def test_accounts_are_separated_from_the_first_account_reader_on(engine: Engine) -> None:
    with engine.connect() as connection:
        assert not connection.scalars(text("select relname from pg_class where relrowsecurity")).all()


def test_loads_go_on(reader: psycopg.Connection, postgres_url: str, engine: Engine) -> None:
    """The rule is for who reads: the loader, and the owner, write and compare as ever."""
    third = [replace(seen, account=replace(seen.account, id=THIRD_ID, name="Third Coffee")) for seen in HISTORY]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("create role some_loader login password 'made up' in role amocrm_loader")
        address = admin.info
        loader = create_engine(
            f"postgresql+psycopg://some_loader:made%20up@{address.host}:{address.port}/{address.dbname}"
        )
        try:
            assert sum(publish(loader, seen, origin(account_key="third")).opened_count for seen in third)
        finally:
            loader.dispose()
            admin.execute("drop role some_loader")


# --- Roles that are missing ------------------------------------------------------------------------------------------


def test_migrate_reports_its_grants(engine: Engine) -> None:
    assert migrate(engine).granted == ()
    with engine.begin() as connection:
        connection.execute(text("revoke select on analytics.segments from amocrm_reader"))
    assert migrate(engine) == MigrationResult(migrations=(), views=(), granted=("amocrm_reader",))
    with engine.begin() as connection:
        connection.execute(text("revoke update (valid_to) on amocrm.segment_version from amocrm_loader"))
    assert migrate(engine).granted == ("amocrm_loader",)


def test_missing_roles_are_reported(engine: Engine) -> None:
    assert check_roles(engine).status == "ok"
    with engine.begin() as connection:
        connection.execute(text("drop owned by amocrm_reader"))
    bare = check_roles(engine)
    assert (bare.status, bare.finding) == ("warning", "Roles without rights: amocrm_reader.")
    with engine.begin() as connection:
        connection.execute(text("update amocrm.role_name set name = 'amocrm_nobody' where purpose = 'loader'"))
    missing = check_roles(engine)
    assert missing.status == "warning"
    for words in (f"{missing.finding} {missing.advice}", describe_missing_roles(("amocrm_nobody",))):
        assert "amocrm_nobody" in words
        assert "create role amocrm_nobody nologin;" in words
        assert "migrate' again" in words


@pytest.mark.parametrize(
    ("is_superuser", "may_make_roles", "major", "status"),
    [(True, True, 18, "warning"), (False, True, 15, "warning"), (False, True, 16, "ok"), (False, False, 15, "ok")],
)
def test_a_role_that_could_take_over_the_server_is_told(
    *, is_superuser: bool, may_make_roles: bool, major: int, status: str
) -> None:
    assert check_rights(is_superuser=is_superuser, may_make_roles=may_make_roles, major=major).status == status


@pytest.mark.parametrize(
    ("has_statistics", "keeps_plans", "words"),
    [(True, False, "delete from pg_statistic"), (False, True, "latest minor version"), (False, False, "")],
)
def test_readers_view_of_the_server_is_reported(*, has_statistics: bool, keeps_plans: bool, words: str) -> None:
    check = check_readers(has_statistics=has_statistics, keeps_plans_of_other_roles=keeps_plans)
    assert (check.status, words in check.advice) == ("warning" if words else "ok", True)


def test_a_lock_table_that_any_login_can_fill_is_told_with_the_line_that_closes_it() -> None:
    assert check_lock_table(is_open=False).status == "ok"
    check = check_lock_table(is_open=True)
    assert (check.status, "revoke execute on function" in check.advice) == ("warning", True)
