"""``dictionary``: write the generated files: data dictionary, catalog, schema, tables of docs/operations.md."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from commands.dbt_sources import format_dbt_sources
from commands.exit_codes import insert_exit_codes
from commands.output import escape_cell
from commands.page_sections import insert_anomalies
from commands.schema_dump import SCHEMA_FILE, dump_schema
from pipelines.base.errors import SettingsError, WarehouseError
from pipelines.config.database_url import parse_database_url
from pipelines.embedded_postgres.binaries import find_binaries
from pipelines.embedded_postgres.server import embedded_postgres
from pipelines.embedded_postgres.system_user import server_user
from pipelines.warehouse.catalog import (
    CatalogColumn,
    CatalogFunction,
    CatalogTable,
    format_catalog,
    read_catalog,
    read_functions,
)
from pipelines.warehouse.engine import open_engine, transaction
from pipelines.warehouse.migrate import migrate

DICTIONARY: Final = Path("docs/data-dictionary.md")
OPERATIONS: Final = Path("docs/operations.md")
CATALOG: Final = Path("sql/catalog.json")
DBT_SOURCES: Final = Path("docs/dbt/sources.yml")

SCHEMAS: Final = {
    "analytics": "Views and functions for analysts and dashboards.",
    "amocrm": "Tables of the history. Only loads and write-back write here; analysts read the views instead.",
    "members": "Which customer was in which stage or segment, by amoCRM's ids, for the role `amocrm_members` only.",
}
"""Schemas in the order of the page."""


@click.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; fail if a file is out of date.")
def command(*, is_check: bool) -> None:
    """Write the files that are generated from a database.

    These are docs/data-dictionary.md, docs/dbt/sources.yml, sql/catalog.json, sql/schema.sql, and tables of
    docs/operations.md. They are read from a temporary database with all migrations. Commit them together with the
    change that caused them.
    """
    if not OPERATIONS.exists() or not CATALOG.exists():
        raise SettingsError("This is no clone of the project.", advice="Change to the project's folder and try again.")
    tables, functions, schema = read_migrated_database()
    texts = {
        DICTIONARY: format_dictionary(tables, functions),
        CATALOG: format_catalog(tables),
        SCHEMA_FILE: schema,
        DBT_SOURCES: format_dbt_sources(tables),
        OPERATIONS: insert_anomalies(insert_exit_codes(OPERATIONS.read_text(encoding="utf-8"))),
    }
    stale = [file for file, text in texts.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if is_check and stale:
        raise WarehouseError(
            f"Out of date: {' and '.join(map(str, stale))}.", advice="Run './run dictionary' and commit what it writes."
        )
    for file in stale:
        file.parent.mkdir(exist_ok=True)
        file.write_text(texts[file], encoding="utf-8")
        click.echo(f"wrote {file}")
    if not stale:
        click.echo("Up to date.")


def read_migrated_database() -> tuple[tuple[CatalogTable, ...], tuple[CatalogFunction, ...], str]:
    """Read tables and views, functions, and the dumped schema of a temporary database with all migrations."""
    with tempfile.TemporaryDirectory(prefix="amocrm-warehouse-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # root's server runs as another user
        with embedded_postgres(folder / "postgres", is_durable=False) as server:
            engine = open_engine(server.url)
            migrate(engine)
            with transaction(engine) as connection:
                tables, functions = read_catalog(connection), read_functions(connection)
            engine.dispose()
            schema = dump_schema(parse_database_url(server.url), find_binaries(None, server_user()).folder)
    return tables, functions, schema


def format_dictionary(tables: Iterable[CatalogTable], functions: Iterable[CatalogFunction]) -> str:
    """Format the data dictionary in Markdown."""
    tables_by_schema = {schema: [table for table in tables if table.schema == schema] for schema in SCHEMAS}
    return "\n".join(_dictionary_lines(tables_by_schema, functions)) + "\n"


def _dictionary_lines(
    tables_by_schema: dict[str, list[CatalogTable]], functions: Iterable[CatalogFunction]
) -> Iterator[str]:
    """Yield the lines of the page: per schema an overview, then each table."""
    yield "# Data dictionary"
    yield ""
    yield "Every table, column and function, as the database itself describes them. `./run dictionary` generates this"
    yield "page; edit the comments in `sql/migrations` and `sql/views` instead."
    for schema, tables in tables_by_schema.items():
        yield ""
        yield f"## Schema `{schema}`"
        yield ""
        yield SCHEMAS[schema]
        yield ""
        yield f"| {'view' if schema == 'analytics' else 'table'} | grain |"
        yield "|---|---|"
        for table in tables:
            yield f"| [`{table.name}`](#{schema}{table.name}) | {escape_cell(table.comment)} |"
        if schema == "analytics":
            yield from _function_lines(functions)
        for table in tables:
            yield from _table_lines(table)


def _function_lines(functions: Iterable[CatalogFunction]) -> Iterator[str]:
    yield ""
    yield "| function | result |"
    yield "|---|---|"
    for function in functions:
        columns = f" Columns: {', '.join(f'`{name}`' for name in function.columns)}." if function.columns else ""
        yield f"| `{function.name}({function.arguments})` | {escape_cell(function.comment)}{columns} |"


def _table_lines(table: CatalogTable) -> Iterator[str]:
    """Yield the section of one table or view."""
    yield ""
    yield f"### {table.schema}.{table.name}"
    yield ""
    yield table.comment or ""
    yield ""
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {_format_type(column)} | {escape_cell(column.comment)} |"


def _format_type(column: CatalogColumn) -> str:
    return column.type.replace("timestamp with time zone", "timestamptz") + (", not null" if column.is_required else "")
