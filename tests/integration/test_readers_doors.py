"""Attacks of an account reader: plans, estimates, shadowed names, cached plans, a second warehouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

import sql
from commands.doctor.roles import check_roles_of_database
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import migrate
from tests.hidden_account import HIDDEN_ID, SHADOWED
from tests.records import ACCOUNT_ID

VIEWS: Final = sorted(file.name.removesuffix(".sql") for file in files(sql).joinpath("views").iterdir())
SCANS: Final = {
    "as planned": (),
    "whole tables": ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"),
    "indexes": ("enable_seqscan",),
    "bitmaps": ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"),
}
EXPRESSION: Final = re.compile(r"((?:Cond|Filter|Sort Key|Output|Cache Key|Order By)): .*")
COMPARABLE: Final = ("text", "bigint", "integer", "timestamp with time zone", "uuid")


@pytest.fixture
def url(hidden_account_url: str) -> str:
    return hidden_account_url


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
                query = SQL("select * from analytics.{} where {} = {}")
                told = [
                    shown(reader, query.format(Identifier(view), Identifier(column), Literal(value)))
                    for value in (hidden, nobodys)
                ]
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
    yield 'select analytics.conditions_text(\'[[{"type": "after_today", "match": 1}]]\')'


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
        pinned = settings == ["search_path=pg_catalog, pg_temp"]
        if is_sql and not pinned:
            unqualified = re.findall(
                r"[^.(]\s(?:=|<=|>=|<|>|->>|#>>|\|\|)\s|(?<![.\w])(?!coalesce)\w+\(|\busing\b", body
            )
            calls = [found for found in unqualified if found.rstrip("(") not in ("exists", "in", "filter", "operator")]
            assert calls == [], name
        else:
            assert pinned, name


def test_no_function_of_ours_is_called_by_a_reader_outside_of_a_policy(reader: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select amocrm.readable_account_ids()")
