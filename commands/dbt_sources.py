"""``docs/dbt/sources.yml``: the views of ``analytics`` as a source for dbt, generated from the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import yaml

from pipelines.warehouse.catalog import CatalogTable

HEADER: Final = "# Written by './run dictionary'. Copy it into the models of a dbt project.\n"


def format_dbt_sources(tables: Iterable[CatalogTable]) -> str:
    """Format the file: one source, with each view and column and its meaning."""
    source = {
        "name": "amocrm_analytics",
        "description": "History of amoCRM (Kommo) accounts, written by amocrm-warehouse.",
        "schema": "analytics",
        "tables": [_table(table) for table in tables if table.schema == "analytics"],
    }
    document = {"version": 2, "sources": [source]}
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _table(table: CatalogTable) -> dict[str, Any]:
    columns = [
        {"name": column.name, "description": column.comment, "data_type": column.type} for column in table.columns
    ]
    return {"name": table.name, "description": table.comment, "columns": columns}
