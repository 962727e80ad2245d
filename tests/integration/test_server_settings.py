"""Defaults of server, database and role that companies set: what is stored and read stays the same."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import pq
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import Engine, text

from emulator import Clock, Emulator
from pipelines.base.errors import DatabaseError, DatabaseUnavailable, SettingsError
from pipelines.config.database_url import parse_database_url
from pipelines.report.csv_export import csv_files
from pipelines.report.figures import read_figures
from pipelines.report.page import render_page
from pipelines.warehouse.catalog import read_catalog
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import check_schema, migrate
from pipelines.warehouse.readers import create_account_reader
from tests.accounts import Shop
from tests.conftest import NewDatabase, render_url
from tests.records import START, hours

HOSTILE = {
    "formats": {
        "datestyle": "German, DMY",
        "intervalstyle": "sql_standard",
        "timezone": "Asia/Kathmandu",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
        "client_encoding": "LATIN1",
        "lc_monetary": "C",
        "lc_numeric": "C",
        "lc_time": "C",
        "xmloption": "document",
        "quote_all_identifiers": "on",
        "client_min_messages": "error",
    },
    "meaning of statements": {
        "standard_conforming_strings": "off",
        "backslash_quote": "on",
        "escape_string_warning": "on",
        "array_nulls": "off",
        "transform_null_equals": "on",
        "search_path": "hostile, public",
        "default_transaction_isolation": "serializable",
        "default_transaction_deferrable": "on",
        "row_security": "off",
        "session_replication_role": "replica",
        "check_function_bodies": "off",
        "exit_on_error": "on",
        "createrole_self_grant": "set, inherit",
        "restrict_nonsystem_relation_kind": "view",
    },
    "limits and plans": {
        "statement_timeout": "300ms",
        "lock_timeout": "1ms",
        "idle_in_transaction_session_timeout": "50ms",
        "transaction_timeout": "100ms",
        "synchronous_commit": "off",
        "work_mem": "64kB",
        "temp_file_limit": "10MB",
        "default_toast_compression": "pglz",
        "plan_cache_mode": "force_generic_plan",
        "enable_hashjoin": "off",
        "enable_indexscan": "off",
        "enable_seqscan": "off",
        "jit_above_cost": "0",
        "geqo_threshold": "2",
        "log_statement": "all",
    },
}
"""Settings by kind. Those that this version of Postgres does not know are left out."""

VIEWS = ("segments", "segment_sizes_daily", "segment_trends", "snapshots", "changes", "freshness", "gaps", "fields")
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def set_defaults(url: str, settings: dict[str, str], *, of: str) -> None:
    """Set defaults of the database, or of our role in it."""
    name, role = parse_database_url(url).database or "", parse_database_url(url).username or ""
    target = SQL("database {}").format(Identifier(name))
    if of == "role":
        target = SQL("role {} in database {}").format(Identifier(role), Identifier(name))
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("set search_path = public")
        known = {row[0] for row in admin.execute("select lower(name) from pg_settings")}
        for setting, value in settings.items():
            if setting in known:
                shown = SQL(value) if setting == "search_path" else Literal(value)
                admin.execute(SQL("alter {} set {} = {}").format(target, Identifier(setting), shown))


def loaded_and_shown(url: str, root: Path) -> dict[str, list[str]]:
    """What is stored and shown after a first load, an unchanged one and a changed one."""
    engine = open_engine(url)
    with Emulator(clock=Clock(START)) as emulator:
        host, account = emulator.host, Shop(emulator, engine, root)
        account.world.add_segment(account.id, "Постоянные \\ 'клиенты' 😀", size=7)
        for kind, value in (("text", "a \\ 'b' NULL {}"), ("numeric", "1.5")):
            field = account.world.add_field(account.id, kind, kind)
            account.world.set_field_value(account.id, account.vip, field, value)
        for hour in (0, 1):
            assert account.load(hour).published.is_new
        account.world.set_size(account.id, account.vip, 12)
        assert account.load(30).published.size_change_count == 1
        figures = read_figures(engine, "main")
        shown = dict(account.contents())
        page = render_page(figures, now=hours(31), language="en")
        shown |= {"page": [page], "files": list(map(str, csv_files([figures])))}
        with transaction(engine) as connection:
            for view in (*VIEWS, f"segments_{account.id}"):
                rows = connection.scalars(text(f"select to_jsonb(t)::text from analytics.{view} as t"))
                shown[view] = list(rows)
    engine.dispose()
    varying = rf"{UUID}|{re.escape(host)}|(age_seconds|gap_seconds|missed_\w+)\W+\d+"
    return {name: sorted(re.sub(varying, "X", row) for row in rows) for name, rows in shown.items()}


def test_defaults_of_server_database_and_role_change_nothing(
    new_database: NewDatabase, migrated_template: str, tmp_path: Path
) -> None:
    with new_database(migrated_template) as url:
        plain = loaded_and_shown(url, tmp_path / "plain")
    for number, (kind, settings) in enumerate(HOSTILE.items()):
        with new_database(migrated_template) as url:
            set_defaults(url, settings, of="role" if number % 2 else "database")
            found = loaded_and_shown(url, tmp_path / kind)
            assert [name for name in plain if plain[name] != found[name]] == [], kind


def test_migrating_and_roles_do_not_depend_on_defaults(empty_database_url: str, engine: Engine) -> None:
    for settings in HOSTILE.values():
        set_defaults(empty_database_url, settings | {"statement_timeout": "10s"}, of="database")
    other = open_engine(empty_database_url)
    assert migrate(other).migrations
    create_account_reader(other, 7)
    with transaction(engine) as connection, transaction(other) as hostile:
        assert read_catalog(hostile) == read_catalog(connection)
    other.dispose()


def test_what_stands_in_the_way_is_named(postgres_url: str) -> None:
    set_defaults(postgres_url, {"default_transaction_read_only": "on"}, of="database")
    engine = open_engine(postgres_url)
    with pytest.raises(DatabaseError, match="reset default_transaction_read_only"), transaction(engine) as connection:
        connection.execute(text("create table t ()"))
    engine.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_that_is_not_utf8_is_named_before_anything_is_made(
    new_database: NewDatabase, empty_database_url: str, encoding: str
) -> None:
    name = f"not_utf8_{encoding.lower()}"
    create = SQL("create database {} encoding {} template template0 locale 'C'")
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute(create.format(Identifier(name), Literal(encoding)))
        try:
            url = parse_database_url(empty_database_url).set(database=name)
            for work in (migrate, check_schema):
                engine = open_engine(render_url(url))
                with pytest.raises(DatabaseUnavailable, match=f"has the encoding {encoding}; UTF8 is required"):
                    work(engine)
                engine.dispose()
        finally:
            admin.execute(SQL("drop database {}").format(Identifier(name)))


PARAMETERS = [option.keyword.decode() for option in pq.Conninfo.get_defaults()]
ARGUMENTS = ("autocommit", "prepare_threshold", "conninfo", "context", "cursor_factory", "row_factory", "plugin", "x")


def test_every_parameter_of_an_address_works_or_is_refused_in_a_sentence(postgres_url: str) -> None:
    for name in (*PARAMETERS, *ARGUMENTS):
        for values in ("=0", "=..", f"=x%00y&{name}=2"):
            with suppress(SettingsError, DatabaseError), ExitStack() as stack:
                engine = open_engine(f"{postgres_url}?{name}{values}")
                stack.callback(engine.dispose)
                with transaction(engine) as connection:
                    driver: object = connection.connection.dbapi_connection
                    assert isinstance(driver, psycopg.Connection)
                    found = (driver.autocommit, driver.prepare_threshold, driver.info.encoding)
                    assert found == (False, None, "utf-8"), name
