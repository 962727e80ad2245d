"""Readers whose roles change or are shared: plans that are kept, two warehouses, released databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from commands.doctor.roles import check_roles_of_database
from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.readers import create_account_reader
from tests.hidden_account import HIDDEN_ID, SHADOWED
from tests.records import ACCOUNT_ID
from tests.released_warehouse import migrate_before, restore_dump
from tests.sample_history import publish_history


@pytest.fixture
def url(hidden_account_url: str) -> str:
    return hidden_account_url


# --- Plans that are kept ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan", "force_custom_plan"])
def test_a_plan_that_is_kept_follows_the_role(url: str, mode: str) -> None:
    engine = open_engine(url)
    hidden = create_account_reader(engine, HIDDEN_ID)
    engine.dispose()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("set plan_cache_mode = {}").format(Identifier(mode)))
        connection.execute("prepare accounts as select distinct account_id from analytics.segments order by 1")
        connection.execute("""
            create function public.accounts() returns bigint[] language plpgsql as $$
            begin return array(select distinct account_id from analytics.segments order by 1); end $$
        """)
        for _ in range(3):
            for role, expected in (
                (f"amocrm_reader_{ACCOUNT_ID}", [ACCOUNT_ID]),
                (hidden, [HIDDEN_ID]),
                ("amocrm_reader", [ACCOUNT_ID, HIDDEN_ID]),
            ):
                connection.execute(SQL("set role {}").format(Identifier(role)))
                assert [row[0] for row in connection.execute("execute accounts")] == expected
                assert connection.execute("select public.accounts()").fetchone() == (expected,)


def test_a_login_without_any_account_sees_nothing(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session authorization amocrm_account_reader")
        assert connection.execute("select * from analytics.segments").fetchall() == []


def test_a_membership_that_is_taken_away_shows_nothing_from_the_next_plan_on(url: str) -> None:
    role = f"amocrm_reader_{ACCOUNT_ID}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(SQL("create role leaving in role {}").format(Identifier(role)))
        try:
            admin.execute("set session authorization leaving")
            assert admin.execute("select * from analytics.segments").fetchall()
            admin.execute("reset session authorization")
            admin.execute(SQL("revoke {} from leaving").format(Identifier(role)))
            admin.execute("set session authorization leaving")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute("select * from analytics.segments")
            admin.execute("reset session authorization")
        finally:
            admin.execute("reset session authorization; drop role leaving")


# --- Two warehouses on one server ------------------------------------------------------------------------------------


@contextmanager
def owned_database(url: str) -> Iterator[tuple[psycopg.Connection, Engine]]:
    """Give an empty database to a role without CREATEROLE; a superuser's connection, and the owner's engine."""
    with psycopg.connect(url, autocommit=True) as admin:
        name, database = f"owner_of_{admin.info.dbname}", admin.info.dbname
        admin.execute(SQL("create role {} login password 'made up'").format(Identifier(name)))
        admin.execute(SQL("alter database {} owner to {}").format(Identifier(database), Identifier(name)))
        owner = open_engine(f"postgresql://{name}:made%20up@{admin.info.host}:{admin.info.port}/{database}")
        try:
            yield admin, owner
        finally:
            owner.dispose()
            admin.execute("reset session authorization")
            admin.execute(SQL("alter database {} owner to current_user").format(Identifier(database)))
            admin.execute(SQL("drop owned by {} cascade; drop role {}").format(Identifier(name), Identifier(name)))


def test_a_second_warehouse_has_roles_of_its_own(url: str, empty_database_url: str) -> None:
    """The same account in both: readers and loaders of one have no rights in the other."""
    second = open_engine(empty_database_url)
    migrate(second)
    publish_history(second)
    create_account_reader(second, ACCOUNT_ID)
    with second.connect() as connection:
        roles = connection.exec_driver_sql("select name from amocrm.role_name order by name").scalars().all()
    second.dispose()
    database = str(second.url.database)
    assert roles
    assert all(role.endswith(f"_in_{database}") for role in roles)
    readers = [role for role in roles if "reader" in role]
    for address, strangers, own in (
        (empty_database_url, ["amocrm_reader", "amocrm_loader", f"amocrm_reader_{ACCOUNT_ID}"], readers),
        (url, roles, ["amocrm_reader", f"amocrm_reader_{ACCOUNT_ID}"]),
    ):
        with psycopg.connect(address, autocommit=True) as connection:
            for stranger in strangers:
                connection.execute(SQL("set session authorization {}").format(Identifier(stranger)))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("select * from analytics.segments")
            for role in own:
                connection.execute(SQL("set session authorization {}").format(Identifier(role)))
                connection.execute("select * from analytics.segments")
            connection.execute("reset session authorization")


def test_names_that_another_warehouse_took_meanwhile_are_not_granted(
    hidden_account: str, empty_database_url: str
) -> None:
    """Neither warehouse could make its roles when it chose names, and an administrator made them once, for both."""
    with owned_database(empty_database_url) as (admin, owner):
        migrate(owner)
        admin.execute("update amocrm.role_name set name = replace(name, '_in_' || current_database(), '')")
        migrated = migrate(owner)
        assert migrated.granted == ()
        assert migrated.missing_roles == (
            f"amocrm_reader_in_{owner.url.database}",
            f"amocrm_loader_in_{owner.url.database}",
            f"amocrm_members_in_{owner.url.database}",
        )
        admin.execute("set session authorization amocrm_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute("select * from analytics.segments")


def test_doctor_names_logins_that_read_two_warehouses_and_how_to_part_them(url: str, hidden_account: str) -> None:
    """A copy of a database shares its roles, as two warehouses of an earlier release do."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create role reads_both login password 'made up' in role amocrm_reader")
        engine = open_engine(url)
        try:
            [told] = [check for check in check_roles_of_database(engine) if check.subject == "database: shared roles"]
            assert "reads_both" in told.finding
            assert hidden_account in told.finding
            statements = re.findall(r"(?:update|revoke) [^;]+;", told.advice)
            assert len(statements) == 2
            for statement in statements:
                admin.execute(statement.encode())
            migrate(engine)
            own = create_account_reader(engine, ACCOUNT_ID)
            for role in ("reads_both", f"amocrm_reader_{ACCOUNT_ID}"):
                admin.execute(SQL("set session authorization {}").format(Identifier(role)))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    admin.execute("select * from analytics.segments")
                admin.execute("reset session authorization")
            admin.execute(SQL("set session authorization {}").format(Identifier(own)))
            assert admin.execute("select distinct account_id from analytics.segments").fetchall() == [(ACCOUNT_ID,)]
            admin.execute("reset session authorization")
            assert "shared roles" not in " ".join(check.subject for check in check_roles_of_database(engine))
        finally:
            engine.dispose()
            admin.execute("reset session authorization; drop role reads_both")


def test_who_may_not_make_roles_is_told_what_an_administrator_runs(empty_database_url: str) -> None:
    """The owner of a database without CREATEROLE: the statements that are printed are all that is needed."""
    with owned_database(empty_database_url) as (admin, owner):
        migrate(owner)
        publish_history(owner)
        with pytest.raises(DatabaseError, match="may not create roles") as refused:
            create_account_reader(owner, ACCOUNT_ID)
        for statement in re.findall(r"(?:create|grant) [^;]+;", refused.value.advice):
            admin.execute(statement.encode())
        role = create_account_reader(owner, ACCOUNT_ID)
        admin.execute(SQL("set session authorization {}").format(Identifier(role)))
        assert admin.execute("select distinct account_id from analytics.segments").fetchall() == [(ACCOUNT_ID,)]


# --- Released databases ----------------------------------------------------------------------------------------------

RELEASED: Final = """
    do $$
    declare change text;
    begin
        for change in select format('create role %I nologin', role)
            from unnest(array['amocrm_views', 'amocrm_account_reader', 'amocrm_reader_{own}']) as role
            where to_regrole(role) is null loop execute change; end loop;
        for change in select unnest(array[
            format('alter table %s enable row level security', relation),
            format('grant select on %s to amocrm_views', relation),
            format('create policy everybody on %s using (true) with check (true)', relation),
            format('create policy own_accounts on %s as restrictive for select to amocrm_views using
                (account_id = any ((select amocrm.account_ids_read_by(current_user))::bigint[]))', relation)])
            from (select attrelid::regclass as relation from pg_attribute join pg_class on pg_class.oid = attrelid
                where attname = 'account_id' and relnamespace = 'amocrm'::regnamespace and relkind = 'r') as relations
            loop execute change; end loop;
        for change in select format('alter view analytics.%I owner to amocrm_views', relname) from pg_class
            where relnamespace = 'analytics'::regnamespace and relkind = 'v' loop execute change; end loop;
    end $$;
    grant create, usage on schema analytics to amocrm_views;
    grant usage on schema analytics to amocrm_account_reader;
    grant select on all tables in schema analytics to amocrm_account_reader;
    grant amocrm_account_reader to amocrm_reader_{own};
"""


def test_migrating_alone_mends_a_released_database_with_readers(
    empty_database_url: str, tmp_path: Path, engine: Engine
) -> None:
    restore_dump(empty_database_url)
    released = open_engine(empty_database_url)
    migrate_before(released, empty_database_url, "0013", tmp_path)
    accounts = "select distinct account_id from analytics.snapshots order by 1"
    with psycopg.connect(empty_database_url, autocommit=True) as owner:
        [(own,), (hidden,), *_] = owner.execute(accounts).fetchall()
        owner.execute(RELEASED.replace("{own}", str(own)).encode())
        owner.execute("analyze")
        owner.execute(SQL("set session authorization {}").format(Identifier(f"amocrm_reader_{own}")))
        owner.execute(SHADOWED.format(own=own, hidden=hidden).encode())
        assert owner.execute(accounts).fetchall() == [(own,), (hidden,)], "the hole was not there to be mended"
        migrate(released)
        assert owner.execute(accounts).fetchall() == [(own,)]
        plan = "\n".join(row[0] for row in owner.execute("explain analyze select * from analytics.segments"))
        assert "account_ids" not in plan
        owner.execute("reset session authorization")
        assert owner.execute(
            "select count(*) from pg_stats where schemaname = 'amocrm' and attname <> 'account_id'"
        ).fetchone() == (0,)
    released.dispose()
