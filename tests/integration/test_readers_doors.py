"""Attacks of an account reader: plans, estimates, shadowed names, cached plans, a second warehouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import Engine

import sql
from commands.doctor.roles import check_roles_of_database
from pipelines.base.errors import DatabaseError
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from pipelines.warehouse.publish import publish
from pipelines.warehouse.readers import create_account_reader
from tests.conftest import NewDatabase
from tests.records import ACCOUNT_ID, origin
from tests.released_warehouse import restore_dump, write_earlier_release
from tests.sample_history import HISTORY, publish_history

HIDDEN_ID: Final = ACCOUNT_ID + 1
VIEWS: Final = sorted(file.name.removesuffix(".sql") for file in files(sql).joinpath("views").iterdir())
HIDE: Final = """
    update amocrm.account set name = 'Zebra Trading', account_key = 'zebra' where account_id = 1002;
    update amocrm.segment_version set name = 'Zebra ' || segment_id where account_id = 1002 and valid_to is null;
    update amocrm.field_version set name = 'Zeal ' || field_id where account_id = 1002 and valid_to is null;
    update amocrm.segment_size set customers_count = 48151623
    where account_id = 1002 and customers_count is not null;
    update amocrm.segment_current set customers_count = 48151623 where account_id = 1002;
    insert into amocrm.load_failure
    select 'zebra', now() - make_interval(mins => number), 1002, now(), 'Unavailable', repeat('zeal ', 3000), null
    from generate_series(1, 50) as number;
""".replace("1002", str(HIDDEN_ID))
SCANS: Final = {
    "as planned": (),
    "whole tables": ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"),
    "indexes": ("enable_seqscan",),
    "bitmaps": ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"),
}
EXPRESSION: Final = re.compile(r"((?:Cond|Filter|Sort Key|Output|Cache Key|Order By)): .*")
COMPARABLE: Final = ("text", "bigint", "integer", "timestamp with time zone", "uuid")


@pytest.fixture(scope="module")
def hidden_account(new_database: NewDatabase, migrated_template: str) -> Iterator[str]:
    """Name of a database with a reader's account and one whose values are its own."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        publish_history(engine)
        for seen in HISTORY:
            publish(engine, replace(seen, account=replace(seen.account, id=HIDDEN_ID)), origin(account_key="other"))
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(HIDE.encode())
            owner.execute("analyze")  # statistics of all accounts, which the first reader has removed
        create_account_reader(engine, ACCOUNT_ID)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("vacuum (analyze)")
        engine.dispose()
        yield str(engine.url.database)


@pytest.fixture
def url(new_database: NewDatabase, hidden_account: str) -> Iterator[str]:
    with new_database(hidden_account) as url:
        yield url


@pytest.fixture
def reader(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("set session authorization {}").format(Identifier(f"amocrm_reader_{ACCOUNT_ID}")))
        yield connection


def shown(reader: psycopg.Connection, query: SQL | Any) -> str:
    """Output of explain without the query's own words."""
    explained = SQL("explain (analyze, buffers, verbose, settings, wal, timing off, summary off) {}").format(query)
    for _ in range(3):  # the first ones fill caches
        lines = [str(row[0]) for row in reader.execute(explained)]
    text = EXPRESSION.sub(r"\1", "\n".join(lines).partition("\nPlanning:")[0])
    return re.sub(r"Memory: \w+|Memory Usage: \w+|Storage: .*", "", text)


def hidden_values(owner: psycopg.Connection, view: str) -> Iterator[tuple[str, str, str]]:
    """For each column that can be compared: its name, a value of the hidden account only, and one of no account."""
    columns = owner.execute(
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = ('analytics.' || quote_ident(%s))::regclass and attnum > 0 and attname <> 'account_id'",
        [view],
    ).fetchall()
    for name, kind in columns:
        if kind not in COMPARABLE:
            continue
        query = SQL(
            "select {column}::text from analytics.{view} where account_id = {hidden} and {column} is not null"
            " except select {column}::text from analytics.{view} where account_id = {own} limit 1"
        ).format(column=Identifier(name), view=Identifier(view), hidden=HIDDEN_ID, own=ACCOUNT_ID)
        for (value,) in owner.execute(query).fetchall():
            yield name, value, absent(value, kind)


def absent(value: str, kind: str) -> str:
    """A value that nobody has, with the same rows of the reader's own account below and above it."""
    if kind == "text":
        return value[:-1] + "\u007e"
    if kind in ("bigint", "integer"):
        return str(int(value) + 1_000_000)
    if kind == "uuid":
        return value[:-4] + "0000"
    return re.sub(r"(\.\d+)?([+-][\d:]+)$", r".000007\2", value)


@pytest.mark.parametrize("scan", SCANS)
def test_no_plan_tells_whether_a_hidden_row_meets_a_condition(reader: psycopg.Connection, url: str, scan: str) -> None:
    """Neither nodes, row counts, estimates nor buffers differ between a hidden value and one that nobody has."""
    for setting in SCANS[scan]:
        reader.execute(SQL("set {} = off").format(Identifier(setting)))
    tried = 0
    with psycopg.connect(url, autocommit=True) as owner:
        for view in VIEWS:
            for column, hidden, nobodys in hidden_values(owner, view):
                for operator in ("=", ">=", "<"):
                    query = SQL("select * from analytics.{} where {} {} {}")
                    told = [
                        shown(reader, query.format(Identifier(view), Identifier(column), SQL(operator), Literal(value)))
                        for value in (hidden, nobodys)
                    ]
                    if operator == "=":
                        assert told[0] == told[1], (view, column, hidden)
                    tried += 1
    assert tried > 30


def test_a_name_is_not_read_letter_by_letter(reader: psycopg.Connection) -> None:
    """The oracle of the trial: of 27 letters, one would show another plan."""
    for view, column in (("segments", "name"), ("fields", "name"), ("snapshots", "account_name")):
        plans = {
            shown(
                reader,
                SQL("select 1 from analytics.{} where {} >= {} and {} < {}").format(
                    Identifier(view), Identifier(column), Literal(letter), Identifier(column), Literal(letter + "~")
                ),
            )
            for letter in ("Z", "Ze", "Zf", "Zx", "X", "Qu")
        }
        assert len(plans) == 1, view


def test_a_size_is_not_read_digit_by_digit(reader: psycopg.Connection) -> None:
    plans = {
        shown(reader, SQL("select 1 from analytics.segments where customers_count >= {}").format(bound))
        for bound in (40_000_000, 48_000_000, 48_151_623, 48_151_624, 50_000_000)
    }
    assert len(plans) == 1


def test_the_accounts_come_before_every_condition_of_a_reader(reader: psycopg.Connection) -> None:
    """Even where Postgres reads a whole table and the reader's condition is the cheapest that can be written."""
    for setting in SCANS["whole tables"]:
        reader.execute(SQL("set {} = off").format(Identifier(setting)))
    plan = reader.execute("explain select 1 from analytics.segment_history where name = any ('{Zebra}')").fetchall()
    [condition] = [row[0] for row in plan if "Zebra" in row[0]]
    assert condition.index("account_id") < condition.index("Zebra")


def test_the_planner_s_messages_hold_no_hidden_value(reader: psycopg.Connection) -> None:
    heard: list[str] = []
    reader.add_notice_handler(lambda notice: heard.append(notice.message_detail or ""))
    reader.execute("set client_min_messages = log; set debug_print_plan = on; set debug_print_rewritten = on")
    reader.execute("select * from analytics.segments")
    assert heard
    assert not [line for line in heard if str(HIDDEN_ID) in line]


def test_no_statistics_of_values_are_left(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("analyze")
        kept = "select distinct attname from pg_stats where schemaname = 'amocrm'"
        assert owner.execute(kept).fetchall() == [("account_id",)]


def test_statistics_that_somebody_adds_later_are_dropped_and_named(url: str) -> None:
    """Extended statistics hold values and their frequency, whatever a column's own setting says."""
    engine = open_engine(url)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "create statistics amocrm.added (ndistinct, dependencies, mcv) on name, color from amocrm.segment_version"
        )
        owner.execute("analyze")
        [told] = [
            check for check in check_roles_of_database(engine) if check.subject == "database: readers of one account"
        ]
        assert "create statistics" in told.advice
        migrate(engine)
        assert owner.execute("select stxname from pg_statistic_ext").fetchall() == []
    engine.dispose()


# --- Roles that changed ----------------------------------------------------------------------------------------------

ACCOUNTS: Final = "select distinct account_id from analytics.segments"


def test_readers_read_nothing_more_after_a_role_was_renamed(url: str) -> None:
    """The policy knows roles by their names: without the role of all readers of one account it shows nothing."""
    with psycopg.connect(url, autocommit=True) as owner:
        for role in ("amocrm_account_reader", f"amocrm_reader_{ACCOUNT_ID}", "amocrm_reader"):
            with owner.transaction(force_rollback=True):
                owner.execute(SQL("alter role {} rename to renamed_meanwhile").format(Identifier(role)))
                session = "renamed_meanwhile" if role.endswith(str(ACCOUNT_ID)) else f"amocrm_reader_{ACCOUNT_ID}"
                owner.execute(SQL("set local session authorization {}").format(Identifier(session)))
                assert {row[0] for row in owner.execute(ACCOUNTS)} <= {ACCOUNT_ID}, role


def test_the_owner_of_the_tables_reads_all_whatever_roles_there_are(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner, owner.transaction(force_rollback=True):
        owner.execute("create role owner_here createrole; alter schema amocrm owner to owner_here")
        owner.execute("grant usage on schema analytics to owner_here; grant select on analytics.segments to owner_here")
        owner.execute("alter role amocrm_account_reader rename to renamed_meanwhile")
        owner.execute("set local session authorization owner_here")
        assert {row[0] for row in owner.execute(ACCOUNTS)} == {ACCOUNT_ID, HIDDEN_ID}


def test_a_member_that_does_not_inherit_reads_no_other_account(url: str) -> None:
    """It may have been granted the views by itself, as tools are that list what they see."""
    with psycopg.connect(url, autocommit=True) as owner, owner.transaction(force_rollback=True):
        owner.execute(SQL("create role apart noinherit in role {}").format(Identifier(f"amocrm_reader_{ACCOUNT_ID}")))
        owner.execute("grant usage on schema analytics to apart")
        owner.execute("grant select on all tables in schema analytics to apart")
        owner.execute("set local session authorization apart")
        assert owner.execute(ACCOUNTS).fetchall() == []
        owner.execute(SQL("set local role {}").format(Identifier(f"amocrm_reader_{ACCOUNT_ID}")))
        assert owner.execute(ACCOUNTS).fetchall() == [(ACCOUNT_ID,)]


# --- Names -----------------------------------------------------------------------------------------------------------

SHADOWED: Final = """
    create temp table pg_roles (rolname name, oid oid);
    insert into pg_temp.pg_roles
    select 'amocrm_reader_' || id, current_user::regrole::oid from unnest(array[{own}, {hidden}]) as id;
    create temp table pg_auth_members (roleid oid, member oid);
    create temp table role_name (name text, purpose text, account_id bigint);
    grant select on pg_temp.pg_roles, pg_temp.pg_auth_members, pg_temp.role_name to public;
"""
SHADOWING_FUNCTIONS: Final = (
    "pg_has_role(oid, text) returns boolean",
    "pg_has_role(name, text) returns boolean",
    "pg_has_role(name, oid, text) returns boolean",
    "to_regrole(text) returns regrole",
    "current_setting(text) returns text",
    "cardinality(bigint[]) returns integer",
    "range_agg(int8range) returns int8multirange",
    "same(bigint, bigint) returns boolean",
    "same(text, text) returns boolean",
    "same(timestamptz, timestamptz) returns boolean",
    "same(integer, integer) returns boolean",
    "jsonb_typeof(jsonb) returns text",
    "jsonb_build_array(jsonb) returns jsonb",
)
OPERATORS: Final = ("=", "<=", ">", "<", ">=", "<>")


@pytest.fixture
def shadows(url: str) -> str:
    """Name of a schema of the reader's with functions, operators and types that end whoever calls them."""
    role = f"amocrm_reader_{ACCOUNT_ID}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(SQL("create schema shadows authorization {}").format(Identifier(role)))
        owner.execute("grant usage on schema shadows to public")
        owner.execute(SQL("set session authorization {}").format(Identifier(role)))
        owner.execute("set search_path = shadows, pg_catalog")
        for signature in SHADOWING_FUNCTIONS:
            body = "begin raise exception ''a shadow was called''; end"
            owner.execute(f"create function shadows.{signature} language plpgsql as '{body}'".encode())
        for kind in ("bigint", "text", "timestamptz", "integer"):
            for operator in OPERATORS:
                owner.execute(
                    f"create operator shadows.{operator}"
                    f" (function = shadows.same, leftarg = {kind}, rightarg = {kind})".encode()
                )
        owner.execute("create type shadows.text as enum ('a'); create type shadows.bigint as enum ('a')")
        owner.execute("create type shadows.int8 as enum ('a'); create type shadows.oid as enum ('a')")
    return "shadows"


def questions() -> Iterator[str]:
    yield from (f"select account_id, count(*) from analytics.{view} group by account_id" for view in VIEWS)
    for account_id in (ACCOUNT_ID, HIDDEN_ID):
        yield f"select count(*) from analytics.as_of({account_id}, '2026-03-30')"
        yield f"select count(*) from analytics.stages_as_of({account_id}, '2026-04-02 00:00+02')"
        yield f"select count(*) from analytics.segments_by_field({account_id})"
        yield f"select analytics.value_text({account_id}, 1, '[1, 2]'::pg_catalog.jsonb, pg_catalog.now())"


def responses(connection: psycopg.Connection) -> list[list[Any]]:
    return [sorted(connection.execute(question.encode()).fetchall(), key=str) for question in questions()]


def test_temporary_tables_named_as_postgres_own_change_nothing(reader: psycopg.Connection) -> None:
    """The trial: pg_roles in pg_temp told the old function that the reader was in every role."""
    before = responses(reader)
    reader.execute(SHADOWED.format(own=ACCOUNT_ID, hidden=HIDDEN_ID).encode())
    assert responses(reader) == before


def test_no_function_of_ours_finds_anything_by_the_caller_s_path(url: str, shadows: str) -> None:
    """Called by the owner, whose path has a reader's schema first: none of the reader's functions run."""
    with psycopg.connect(url, autocommit=True) as owner:
        before = [list(owner.execute(question.encode())) for question in questions() if "group by" not in question]
        owner.execute("set search_path = shadows, pg_catalog")
        after = [list(owner.execute(question.encode())) for question in questions() if "group by" not in question]
        assert after == before
        for view in VIEWS:
            owner.execute(SQL("select * from analytics.{}").format(Identifier(view)))


def test_every_function_is_safe_from_the_caller_s_path(url: str) -> None:
    """None runs with its owner's rights; those that are no part of the caller's query pin their path."""
    with psycopg.connect(url, autocommit=True) as owner:
        functions = owner.execute("""
            select proname, prosecdef, lanname = 'sql', proconfig, prosrc
            from pg_proc join pg_language on pg_language.oid = prolang
            where pronamespace in ('amocrm'::regnamespace, 'analytics'::regnamespace)
        """).fetchall()
    assert len(functions) > 6
    for name, is_definer, is_sql, settings, body in functions:
        assert not is_definer, name
        if is_sql:
            unqualified = re.findall(
                r"[^.(]\s(?:=|<=|>=|<|>|->>|#>>|\|\|)\s|(?<![.\w])(?!coalesce)\w+\(|\busing\b", body
            )
            calls = [found for found in unqualified if found.rstrip("(") not in ("exists", "in", "filter", "operator")]
            assert calls == [], name
        else:
            assert settings == ["search_path=pg_catalog, pg_temp"], name


def test_no_function_of_ours_is_called_by_a_reader_outside_of_a_policy(reader: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select amocrm.readable_account_ids()")


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
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        name, database = f"owner_of_{admin.info.dbname}", admin.info.dbname
        admin.execute(SQL("create role {} login password 'made up'").format(Identifier(name)))
        admin.execute(SQL("alter database {} owner to {}").format(Identifier(database), Identifier(name)))
        owner = open_engine(f"postgresql://{name}:made%20up@{admin.info.host}:{admin.info.port}/{database}")
        try:
            migrate(owner)
            admin.execute("update amocrm.role_name set name = replace(name, '_in_' || current_database(), '')")
            migrated = migrate(owner)
            assert migrated.granted == ()
            assert migrated.missing_roles == (f"amocrm_reader_in_{database}", f"amocrm_loader_in_{database}")
            admin.execute("set session authorization amocrm_reader")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute("select * from analytics.segments")
        finally:
            owner.dispose()
            admin.execute("reset session authorization")
            admin.execute(SQL("alter database {} owner to current_user").format(Identifier(database)))
            admin.execute(SQL("drop owned by {} cascade; drop role {}").format(Identifier(name), Identifier(name)))


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
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        name, database = f"owner_of_{admin.info.dbname}", admin.info.dbname
        admin.execute(SQL("create role {} login password 'made up'").format(Identifier(name)))
        admin.execute(SQL("alter database {} owner to {}").format(Identifier(database), Identifier(name)))
        owner = open_engine(f"postgresql://{name}:made%20up@{admin.info.host}:{admin.info.port}/{database}")
        try:
            migrate(owner)
            publish_history(owner)
            with pytest.raises(DatabaseError, match="may not create roles") as refused:
                create_account_reader(owner, ACCOUNT_ID)
            for statement in re.findall(r"(?:create|grant) [^;]+;", refused.value.advice):
                admin.execute(statement.encode())
            role = create_account_reader(owner, ACCOUNT_ID)
            admin.execute(SQL("set session authorization {}").format(Identifier(role)))
            assert admin.execute("select distinct account_id from analytics.segments").fetchall() == [(ACCOUNT_ID,)]
        finally:
            owner.dispose()
            admin.execute("reset session authorization")
            admin.execute(SQL("alter database {} owner to current_user").format(Identifier(database)))
            admin.execute(SQL("drop owned by {} cascade; drop role {}").format(Identifier(name), Identifier(name)))


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
    migrate(released, write_earlier_release(empty_database_url, "0013", tmp_path))
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
