"""Back up and restore by the commands of docs/operations.md; loads continue afterwards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, make_url, text

from faults.invariants import broken
from faults.superuser import server_with_superuser
from pipelines.embedded_postgres import cluster
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.embedded_postgres.system_user import server_user
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.migrate import check_schema, migrate
from pipelines.warehouse.roles import quoted, role_names
from tests.conftest import pg_bin, render_url, shared_temporary_folder
from tests.released_warehouse import ReleasedAccounts, open_released_accounts, restore_dump

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"


def told(program: str) -> list[str]:
    """The lines that begin with this program in the page's section on back-up, in their order."""
    section = PAGE.read_text(encoding="utf-8").partition("## Back-up, restore, upgrade\n")[2].partition("\n## ")[0]
    return re.findall(rf"^    ({program}\b.*)$", section, re.MULTILINE)


def run(lines: list[str], folder: Path, *, services: Mapping[str, str], may_fail: bool = False) -> None:
    """Run lines as a shell does, with PostgreSQL's programs and the services of these addresses at hand."""
    programs = find_binaries(pg_bin(), server_user()).folder
    file = folder / "pg_service.conf"
    file.touch(mode=0o600)
    file.write_text("".join(section(name, url) for name, url in services.items()))
    environ = os.environ | {"PGSERVICEFILE": str(file), "PATH": f"{programs}:{os.environ['PATH']}"}
    assert lines
    for line in lines:
        done = subprocess.run(
            ["/bin/sh", "-c", line], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
        assert may_fail or (done.returncode, done.stderr) == (0, ""), line


def section(name: str, url: str) -> str:
    """An address as a section of a service file."""
    parameters = conninfo_to_dict(url)
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in parameters.items()), ""])


@pytest.fixture
def hostile_reader(empty_database_url: str) -> Iterator[str]:
    """A login that reads, and whose session goes on: it has made all that any login can make."""
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute("create role hostile login password 'made-up'")
        address = make_url(empty_database_url).set(username="hostile", password="made-up")
        try:
            yield address.render_as_string(hide_password=False)
        finally:
            admin.execute("drop owned by hostile")
            admin.execute("drop role hostile")


HOSTILE = (
    "select lo_create(0)",
    "select lo_from_bytea(0, 'content')",
    "create temporary table mine (id int)",
    "create temporary view seen as select 1 as segments",
    "create function pg_temp.f() returns int language sql as 'select 1'",
    "alter default privileges in schema analytics grant select on tables to public",
    "alter default privileges in schema amocrm grant all on tables to hostile",
    "alter default privileges grant all on functions to hostile",
    "alter role hostile set search_path = 'pg_temp', '\n;drop schema amocrm'",
    "alter role hostile set \"made.up\" = 'it''s'",
    "create schema mine_too",
    "create table public.mine (id int)",
    "create view public.mine_too as select * from analytics.segments",
    "create publication p for all tables",
    "comment on schema analytics is 'mine'",
    "lock table analytics.segments in access share mode",
)


@pytest.fixture
def warehouse(empty_database_url: str) -> Iterator[Engine]:
    """A warehouse with a history, upgraded to this program's schema."""
    restore_dump(empty_database_url)
    with opened(empty_database_url) as engine:
        migrate(engine)
        yield engine


@pytest.fixture
def companies(empty_database_url: str, tmp_path: Path) -> Iterator[ReleasedAccounts]:
    with open_released_accounts(empty_database_url, tmp_path) as companies:
        yield companies


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Connections for as long as the context lasts."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def load_all(engine: Engine, companies: ReleasedAccounts) -> list[tuple[int, int, int]]:
    """Load each account; how many versions opened and closed, and sizes changed."""
    loaded = [
        load_account(LoadContext(engine, account, companies.settings, clock=companies.clock)).published
        for account in companies.settings.accounts
    ]
    return [(one.opened_count, one.closed_count, one.size_change_count) for one in loaded]


def contents(engine: Engine) -> list[str]:
    """Every row of the warehouse's own tables, as text."""
    with engine.connect() as connection:
        tables = connection.scalars(
            text("select relname from pg_class where relnamespace = 'amocrm'::regnamespace and relkind in ('r', 'p')")
        ).all()
        return sorted(
            f"{table} {row}"
            for table in tables
            for row in connection.scalars(text(f"select t::text from amocrm.{table} as t"))
        )


def test_a_dump_restored_into_a_fresh_server_goes_on(
    warehouse: Engine, companies: ReleasedAccounts, tmp_path: Path, empty_database_url: str, hostile_reader: str
) -> None:
    load_all(warehouse, companies)
    saved = contents(warehouse)
    with warehouse.begin() as connection:
        connection.execute(text(f"grant {quoted(role_names(connection).reader)} to hostile"))
    with psycopg.connect(hostile_reader, autocommit=True) as reader:
        reader.execute("begin; select from analytics.segments; select * from analytics.changes")
        with psycopg.connect(hostile_reader, autocommit=True) as other:
            for statement in HOSTILE:
                with suppress(psycopg.Error):
                    other.execute(statement)
            run(told("pg_dump(?:all)?"), tmp_path, services={"warehouse": empty_database_url})

    # What is loaded after the dump is lost with the first server.
    companies.wait(timedelta(hours=3))
    load_all(warehouse, companies)
    assert contents(warehouse) != saved

    with shared_temporary_folder() as folder, server_with_superuser(folder / "fresh", binaries=pg_bin()) as superuser:
        fresh = render_url(superuser.set(username=cluster.ROLE, password=cluster.read_password(folder / "fresh")))
        services = {"warehouse": fresh, "superuser": render_url(superuser)}
        run([line for line in told("psql") if "roles.sql" in line], tmp_path, may_fail=True, services=services)
        run(told("pg_restore"), tmp_path, services=services)
        run([line for line in told("psql") if "service=warehouse" in line], tmp_path, services=services)
        with opened(fresh) as engine:
            assert contents(engine) == saved
            migrated = migrate(engine)
            assert (migrated.migrations, migrated.views) == ((), ())
            check_schema(engine)
            with engine.connect() as connection:
                rights = connection.execute(
                    text("""
                        select has_table_privilege(name, 'analytics.segments', 'select'),
                            has_table_privilege(name, 'amocrm.snapshot', 'select')
                        from amocrm.role_name where purpose = 'reader'
                    """)
                ).one()
            assert tuple(rights) == (True, False)

            companies.wait(timedelta(hours=45))
            load_all(engine, companies)
            with engine.connect() as connection:
                gaps = (
                    "select round(extract(epoch from until_at - after_at) / 3600) from analytics.gaps where not is_open"
                )
                assert 48 in connection.scalars(text(gaps)).all()
                for account_id in connection.scalars(text("select account_id from amocrm.account")):
                    assert broken(connection, account_id) == []
            assert load_again(engine, companies) == [(0, 0, 0), (0, 0, 0)]


def load_again(engine: Engine, companies: ReleasedAccounts) -> list[tuple[int, int, int]]:
    """Load a moment later, in which nothing happens."""
    companies.emulator.clock.advance(timedelta(seconds=1))
    return load_all(engine, companies)


def test_a_copy_of_the_embedded_server_s_folder_serves_as_well(tmp_path: Path) -> None:
    with shared_temporary_folder() as folder:
        with embedded_postgres(folder / "postgres", binaries=pg_bin()) as server:
            restore_dump(server.url)
            with opened(server.url) as engine:
                migrate(engine)
                saved = contents(engine)
        subprocess.run(["cp", "-a", folder / "postgres", folder / "copy"], check=True)
        shutil.rmtree(folder / "postgres")
        with embedded_postgres(folder / "copy", binaries=pg_bin()) as server, opened(server.url) as engine:
            check_schema(engine)
            assert contents(engine) == saved
