"""The generated files ``sql/catalog.json`` and ``sql/schema.sql`` match a migrated database."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from commands.schema_dump import SCHEMA_FILE, dump_schema, format_schema
from pipelines.config.database_url import parse_database_url
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.system_user import server_user
from pipelines.warehouse.catalog import (
    CATALOG_FILE,
    format_catalog,
    read_catalog,
    read_functions,
    read_packaged_catalog,
)
from tests.command_line import ROOT
from tests.conftest import pg_bin


def test_the_stored_catalog_is_the_database_s(engine: Engine) -> None:
    with engine.connect() as connection:
        catalog = read_catalog(connection)
    assert read_packaged_catalog() == catalog, "run './run dictionary' to write sql/catalog.json"
    assert CATALOG_FILE.read_text(encoding="utf-8") == format_catalog(catalog)


def test_the_stored_schema_is_the_databases(postgres_url: str, engine: Engine) -> None:
    programs = find_binaries(pg_bin(), server_user())
    with engine.connect() as connection:
        server_version = int(connection.exec_driver_sql("show server_version_num").scalar_one())
    if programs.major != server_version // 10_000:
        pytest.skip("pg_dump is not of the version of the server of TEST_DATABASE_URL")
    schema = dump_schema(parse_database_url(postgres_url), programs.folder)
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema, "run './run dictionary' to write sql/schema.sql"


def test_a_dump_keeps_comments_of_function_bodies_and_loses_versions() -> None:
    dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict a1B2\n\n-- Dumped by pg_dump version 18.4\n\nSET x = 0;\n"
    body = "create function f() as '\n    -- a reason\n';\n"
    assert format_schema(dump + "\n\n" + body + "\n\\unrestrict a1B2\n\n").endswith("differently.\n\n" + body)


def test_everything_is_explained(engine: Engine) -> None:
    with engine.connect() as connection:
        catalog, functions = read_catalog(connection), read_functions(connection)
    assert not [table.key for table in catalog if not table.comment]
    assert not [(*table.key, column.name) for table in catalog for column in table.columns if not column.comment]
    assert {"as_of", "stages_as_of"} <= {function.name for function in functions if function.columns}
    assert not [function.name for function in functions if not function.comment]


def test_a_view_uses_what_it_is_made_of_and_a_table_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        catalog = {table.key: table for table in read_catalog(connection)}
    assert catalog["analytics", "snapshots"].uses == (("amocrm", "account"), ("amocrm", "snapshot"))
    assert {table.is_view for table in catalog.values() if table.uses} == {True}
    assert {table.is_view for table in catalog.values() if not table.uses} == {False}
    assert {used for table in catalog.values() for used in table.uses} <= catalog.keys()
