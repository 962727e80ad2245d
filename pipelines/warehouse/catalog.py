"""Catalog of our tables, views and functions, read from the database: columns, types, comments, dependencies.

``sql/catalog.json`` holds it for code without a connection, such as Dagster's definitions. ``./run
dictionary`` generates the file from a migrated database, and a test compares the two.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection

import sql
from pipelines.warehouse.column_sources import view_sources
from pipelines.warehouse.queries import statement

CATALOG_FILE: Final = files(sql) / "catalog.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogColumn:
    """One column of a table or view."""

    name: str
    type: str  # as Postgres writes it
    is_required: bool  # declared not null; always false in a view
    comment: str | None
    sources: tuple[str, ...] = ()  # of a view's column: columns that it is computed from, as schema.table.column


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogTable:
    """One table or view."""

    schema: str
    name: str
    is_view: bool
    comment: str | None
    columns: tuple[CatalogColumn, ...]
    uses: tuple[tuple[str, str], ...]  # schema and name of each relation that a view selects from

    @property
    def key(self) -> tuple[str, str]:
        """Schema and name."""
        return self.schema, self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogFunction:
    """One function of the schema ``analytics``."""

    name: str
    arguments: str  # names and types, as Postgres writes them
    columns: tuple[str, ...]  # of the rows that it returns; empty if it returns a value
    comment: str | None


def read_functions(connection: Connection) -> tuple[CatalogFunction, ...]:
    """Read all functions of the schema ``analytics``, by name."""
    return tuple(
        CatalogFunction(
            name=row.function_name,
            arguments=row.arguments,
            columns=tuple(row.column_names),
            comment=row.function_comment,
        )
        for row in connection.execute(statement("catalog_functions"))
    )


def read_catalog(connection: Connection) -> tuple[CatalogTable, ...]:
    """Read all tables and views of the schemas ``amocrm`` and ``analytics``, by schema and name."""
    uses = defaultdict(list)
    for row in connection.execute(statement("catalog_uses")):
        uses[row.schema_name, row.table_name].append((row.used_schema_name, row.used_table_name))
    rows = connection.execute(statement("catalog")).all()
    names = {(row.table_id, row.column_number): f"{row.schema_name}.{row.table_name}.{row.column_name}" for row in rows}
    sources = {row.table_id: view_sources(row.rule) for row in connection.execute(statement("catalog_rules"))}
    tables: dict[tuple[str, str, bool, str | None], list[CatalogColumn]] = defaultdict(list)
    for row in rows:
        tables[row.schema_name, row.table_name, row.is_view, row.table_comment].append(
            CatalogColumn(
                name=row.column_name,
                type=row.column_type,
                is_required=row.is_required,
                comment=row.column_comment,
                sources=tuple(sorted(names[one] for one in sources.get(row.table_id, {}).get(row.column_number, ()))),
            )
        )
    return tuple(
        CatalogTable(
            schema=schema,
            name=name,
            is_view=is_view,
            comment=comment,
            columns=tuple(columns),
            uses=tuple(uses[schema, name]),
        )
        for (schema, name, is_view, comment), columns in tables.items()
    )


def read_packaged_catalog() -> tuple[CatalogTable, ...]:
    """Read ``sql/catalog.json``."""
    return tuple(
        CatalogTable(
            **table
            | {
                "columns": tuple(
                    CatalogColumn(**column | {"sources": tuple(column.get("sources", ()))})
                    for column in table["columns"]
                ),
                "uses": tuple((schema, name) for schema, name in table["uses"]),
            }
        )
        for table in json.loads(CATALOG_FILE.read_text(encoding="utf-8"))
    )


def format_catalog(tables: tuple[CatalogTable, ...]) -> str:
    """Format the contents of ``sql/catalog.json``."""
    contents = [asdict(table) for table in tables]
    for column in (column for table in contents for column in table["columns"]):
        if not column["sources"]:
            del column["sources"]
    return json.dumps(contents, ensure_ascii=False, indent=1) + "\n"
