"""Asset specs of tables and views: key, lineage, columns and descriptions from the database's own comments.

They come from ``sql/catalog.json``, so that definitions load without a database, and they are part of the definition,
so that events do not repeat them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from typing import Any, Final

import dagster as dg

from assets.partitions import ACCOUNTS
from pipelines.transform.frames import WRITTEN_RELATIONS
from pipelines.warehouse.catalog import CatalogColumn, CatalogTable, read_packaged_catalog

CODE_VERSION: Final = version("amocrm-warehouse")
OWNERS: Final = ("team:data",)
VIEWS_GROUP: Final = "analytics"
MAX_SOURCES: Final = 6
"""Sources that a column's description names."""
TABLES: Final[Mapping[tuple[str, str], CatalogTable]] = {table.key: table for table in read_packaged_catalog()}

RAW_ANSWER: Final = dg.AssetKey(["amocrm", "raw_answer"])
SNAPSHOT: Final = dg.AssetKey(["amocrm", "snapshot"])
QUALITY_EVENT: Final = dg.AssetKey(["amocrm", "quality_event"])
SEGMENT_JUMPS: Final = dg.AssetKey(["analytics", "segment_jumps"])


def table_spec(table: CatalogTable, *, group: str, deps: list[dg.AssetKey], kinds: set[str]) -> dg.AssetSpec:
    """Return the asset spec of a table or view."""
    return dg.AssetSpec(
        key=dg.AssetKey(table.key),
        deps=deps,
        description=table.comment,
        metadata=table_metadata(table),
        group_name=group,
        owners=list(OWNERS),
        code_version=CODE_VERSION,
        kinds=kinds,
        tags={"source": "amocrm"},
        partitions_def=ACCOUNTS,
    )


def table_metadata(table: CatalogTable) -> dict[str, Any]:
    """Return the table's name, columns and column lineage under the keys that Dagster's UI reads."""
    return {
        "dagster/column_lineage": column_lineage(table),
        "dagster/table_name": f"{table.schema}.{table.name}",
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.type,
                    description=describe_column(column),
                    constraints=dg.TableColumnConstraints(nullable=not column.is_required),
                )
                for column in table.columns
            ]
        ),
    }


def describe_column(column: CatalogColumn) -> str:
    """Return the column's comment and its sources, because the UI of open-source Dagster draws no column lineage."""
    names = [source.split(".", 1)[1] for source in column.sources[:MAX_SOURCES]]
    if len(column.sources) > MAX_SOURCES:
        names.append(f"{len(column.sources) - MAX_SOURCES} more")
    return f"{column.comment} From: {', '.join(names)}." if names else column.comment or ""


def column_lineage(table: CatalogTable) -> dg.TableColumnLineage:
    """Return the columns that each column is computed from; for what is parsed from responses, their bodies."""
    is_parsed = any(table.key == ("amocrm", relation.name) for relation in WRITTEN_RELATIONS)
    deps_by_column: dict[str, list[dg.TableColumnDep]] = {}
    for column in table.columns:
        if column.sources:
            deps_by_column[column.name] = [source_column(source) for source in column.sources]
        elif is_parsed:
            source = OF_RESPONSES.get(column.name, "body_hash")
            deps_by_column[column.name] = [dg.TableColumnDep(RAW_ANSWER, source)]
    return dg.TableColumnLineage(deps_by_column)


@cache
def source_column(source: str) -> dg.TableColumnDep:
    """Return a column that the catalog names as schema.table.column."""
    schema, table, column = source.split(".", 2)
    return dg.TableColumnDep(dg.AssetKey((schema, table)), column)


OF_RESPONSES: Final[Mapping[str, str]] = {
    "account_id": "account_id",
    **dict.fromkeys(("observed_at", "valid_from", "valid_to"), "observed_at"),
}
"""Columns of parsed tables that are not in the response's body, by the column of ``raw_answer``."""

PUBLISHED: Final = tuple(
    table_spec(TABLES["amocrm", name], group="history", deps=[RAW_ANSWER], kinds={"pandas", "postgres"})
    for name in (
        "account",
        *(relation.name for relation in WRITTEN_RELATIONS),
        "segment_current",
        "segment_size_daily",
        "snapshot",
    )
)
"""Tables that publishing a snapshot writes, in this order."""

LOAD_FAILURE: Final = table_spec(TABLES["amocrm", "load_failure"], group="history", deps=[], kinds={"postgres"})
"""Failed loads, written by every load that fails. Views read it."""

VIEWS: Final = tuple(
    table_spec(view, group=VIEWS_GROUP, deps=[dg.AssetKey(used) for used in view.uses], kinds={"postgres", "view"})
    for view in (
        TABLES[key] for key in TopologicalSorter({key: view.uses for key, view in TABLES.items()}).static_order()
    )
    if view.is_view
)
"""All views, with the tables and views they read; each after the views it reads."""
