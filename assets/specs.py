"""One asset per table and view: its key, lineage, columns and words, all taken from the database's own description.

They are read from ``sql/catalog.json``, so that definitions load without a database, and no load repeats them, since
Dagster's event log has no retention.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from importlib.metadata import version
from typing import Any, Final

import dagster as dg

from assets.partitions import ACCOUNTS
from pipelines.transform.frames import WRITTEN_RELATIONS
from pipelines.warehouse.catalog import CatalogTable, read_packaged_catalog

CODE_VERSION: Final = version("amocrm-warehouse")
OWNERS: Final = ("team:data",)
VIEWS_GROUP: Final = "analytics"
TABLES: Final[Mapping[tuple[str, str], CatalogTable]] = {table.key: table for table in read_packaged_catalog()}

RAW_ANSWER: Final = dg.AssetKey(["amocrm", "raw_answer"])
SNAPSHOT: Final = dg.AssetKey(["amocrm", "snapshot"])


def table_spec(table: CatalogTable, *, group: str, deps: list[dg.AssetKey], kinds: set[str]) -> dg.AssetSpec:
    """The asset that a table or view is."""
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
    """Name and columns, where Dagster's pages look for them."""
    return {
        "dagster/table_name": f"{table.schema}.{table.name}",
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.type,
                    description=column.comment,
                    constraints=dg.TableColumnConstraints(nullable=not column.is_required),
                )
                for column in table.columns
            ]
        ),
    }


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
"""Every table that publishing a snapshot writes, in the order in which it does."""

VIEWS: Final = tuple(
    table_spec(view, group=VIEWS_GROUP, deps=[dg.AssetKey(used) for used in view.uses], kinds={"postgres", "view"})
    for view in (
        TABLES[key] for key in TopologicalSorter({key: view.uses for key, view in TABLES.items()}).static_order()
    )
    if view.is_view
)
"""Every view, made of the tables and views that the database says; those that others are made of first."""
