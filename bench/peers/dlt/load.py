"""The accounts by dlt: ``load.py scd2`` and ``append`` leave nested lists to it, ``load.py arrow`` makes rows by hand.

As dlt's documentation has it: https://dlthub.com/docs/general-usage/merge-loading#scd2-strategy (all of a source in one
run, so that what is missing is retired), /docs/reference/performance (whole pages are yielded, accounts in parallel)
and /docs/dlt-ecosystem/destinations/postgres (Arrow tables by ADBC).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
import pyarrow as pa
from amo import (
    ACCOUNT,
    FIELDS,
    PAGE,
    SEGMENTS,
    Account,
    account_row,
    accounts,
    batches,
    field_row,
    option_rows,
    segment_row,
    value_rows,
)
from dlt.sources.helpers import requests

NOW = datetime.now(UTC).isoformat()
FILLED = {
    "values": {
        "text_value": pa.string(),
        "number_value": pa.float64(),
        "boolean_value": pa.bool_(),
        "enum_id": pa.int64(),
    },
    "fields": {"code": pa.string()},
}
"""Types of the columns in which a whole batch may be empty."""


def items(account: Account, path: str) -> list[dict[str, Any]]:
    """A list of an account, which has one page, without its links."""
    document = requests.get(account.url + path, params=PAGE, headers=account.headers).json()
    found = document["_embedded"][path.rpartition("/")[2]]
    for item in found:
        del item["_links"]
    return found


def description(account: Account) -> dict[str, Any]:
    """What is worth keeping of the account itself."""
    return account_row(requests.get(account.url + ACCOUNT, headers=account.headers).json(), NOW)


@dlt.source
def nested(disposition: Any) -> Iterator[Any]:
    """The API's own objects; dlt makes tables of their lists."""
    known = dlt.resource(accounts, name="known", selected=False)

    yield dlt.transformer(description, known, name="accounts", write_disposition=disposition, parallelized=True)
    yield dlt.transformer(
        lambda one: items(one, SEGMENTS), known, name="segments", write_disposition=disposition, parallelized=True
    )
    yield dlt.transformer(
        lambda one: items(one, FIELDS), known, name="fields", write_disposition=disposition, parallelized=True
    )


@dlt.source
def by_hand() -> Iterator[Any]:
    """Rows made by hand into Arrow tables, some accounts at a time."""

    def tables() -> Iterator[Any]:
        for batch in batches(accounts()):
            described, segments, fields = [], [], []
            for one in batch:
                described.append(description(one))
                segments += items(one, SEGMENTS)
                fields += items(one, FIELDS)
            rows: dict[str, list[dict[str, Any]]] = {
                "accounts": described,
                "segments": [segment_row(segment, NOW) for segment in segments],
                "values": [row for segment in segments for row in value_rows(segment, NOW)],
                "fields": [field_row(field, NOW) for field in fields],
                "options": [row for field in fields for row in option_rows(field, NOW)],
            }
            for name, found in rows.items():
                yield dlt.mark.with_table_name(table(found, FILLED.get(name, {})), name)

    yield dlt.resource(tables, name="tables", write_disposition="append")


def table(rows: list[dict[str, Any]], types: dict[str, pa.DataType]) -> pa.Table:
    """Rows as an Arrow table."""
    columns = {name: pa.array([row[name] for row in rows], types.get(name)) for name in rows[0]}
    return pa.table(columns)


def main() -> None:
    """Load in the form that is named."""
    form = sys.argv[1]
    pipeline = dlt.pipeline("bench", destination="postgres", dataset_name="peer", pipelines_dir="pipelines")
    if form == "arrow":
        pipeline.run(by_hand(), loader_file_format=sys.argv[2] if len(sys.argv) > 2 else "parquet")
    elif form == "scd2":
        pipeline.run(nested({"disposition": "merge", "strategy": "scd2"}))
    else:
        pipeline.run(nested("append"))


if __name__ == "__main__":
    main()
