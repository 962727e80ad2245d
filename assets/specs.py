"""Asset specs of tables and views: key, lineage, columns and descriptions from the database's own comments.

They come from ``sql/catalog.json``, so that definitions load without a database, and they are part of the definition,
so that events do not repeat them.
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
    """Return the table's name and columns under the keys that Dagster's UI reads."""
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
"""Tables that publishing a snapshot writes, in this order."""

LOAD_FAILURE: Final = table_spec(TABLES["amocrm", "load_failure"], group="history", deps=[], kinds={"postgres"})
"""Failed loads, written by every load that fails. Views read it."""

SCAN_TABLES: Final = tuple(
    table_spec(TABLES["amocrm", name], group="customers", deps=[], kinds={"postgres"})
    for name in (
        "scan",
        "member_difference",
        "place_day",
        "place_flow_day",
        "segment_overlap",
        "stage_move",
        "stay_duration",
        "stay_month",
    )
)
"""Tables that publishing a scan of customers writes. Its event is that of the first."""

VIEWS: Final = tuple(
    table_spec(view, group=VIEWS_GROUP, deps=[dg.AssetKey(used) for used in view.uses], kinds={"postgres", "view"})
    for view in (
        TABLES[key] for key in TopologicalSorter({key: view.uses for key, view in TABLES.items()}).static_order()
    )
    if view.is_view and view.schema == "analytics"
)
"""All views, with the tables and views they read; each after the views it reads."""
