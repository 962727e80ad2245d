"""The accounts by dlt: ``nested`` leaves lists to it, ``flat`` makes Arrow tables of rows by hand.

``load.py nested append``, ``nested scd2``, ``flat append parquet`` and ``flat scd2 parquet`` are as dlt's documentation
has them: https://dlthub.com/docs/general-usage/merge-loading#scd2-strategy (all of a source in one run, so that what is
missing is retired; Arrow tables bring a hash of each row), /docs/reference/performance (whole pages are yielded,
accounts in parallel) and /docs/dlt-ecosystem/destinations/postgres (Parquet by ADBC).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
import pyarrow as pa
from amo import ACCOUNT, FIELDS, PAGE, SEGMENTS, Account, account_row, accounts, batches, rows_of
from dlt.sources.helpers import requests

NOW = datetime.now(UTC).isoformat()
SCD2 = {"disposition": "merge", "strategy": "scd2"}
NESTED: dict[str, Any] = {"append": "append", "scd2": SCD2}
FLAT: dict[str, Any] = {"append": "append", "scd2": SCD2 | {"row_version_column_name": "row_hash"}}
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


def asked(account: Account, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
    """One answer of an account."""
    return requests.get(account.url + path, params=query, headers=account.headers).json()


def items(account: Account, path: str) -> list[dict[str, Any]]:
    """A list of an account, which has one page, without its links."""
    found = asked(account, path, PAGE)["_embedded"][path.rpartition("/")[2]]
    for item in found:
        del item["_links"]
    return found


def description(account: Account) -> dict[str, Any]:
    """What is worth keeping of the account itself."""
    return account_row(asked(account, ACCOUNT), NOW)


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
def flat(strategy: str) -> Iterator[Any]:
    """Rows made by hand into Arrow tables, some accounts at a time."""

    def tables() -> Iterator[Any]:
        for batch in batches(accounts()):
            described, segments, fields = [], [], []
            for one in batch:
                described.append(asked(one, ACCOUNT))
                segments += items(one, SEGMENTS)
                fields += items(one, FIELDS)
            for name, rows in rows_of(described, segments, fields, NOW).items():
                versions = [hashed(row) for row in rows] if strategy == "scd2" else rows
                yield dlt.mark.with_table_name(table(versions, FILLED.get(name, {})), name)

    yield dlt.resource(tables, name="tables", write_disposition=FLAT[strategy])


def hashed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with a hash of what it says, and without when."""
    said = {name: value for name, value in row.items() if name != "observed_at"}
    digest = hashlib.md5(repr(tuple(said.values())).encode(), usedforsecurity=False).digest()
    return said | {"row_hash": int.from_bytes(digest[:8], "big", signed=True)}


def table(rows: list[dict[str, Any]], types: dict[str, pa.DataType]) -> pa.Table:
    """Rows as an Arrow table."""
    columns = {name: pa.array([row[name] for row in rows], types.get(name)) for name in rows[0]}
    return pa.table(columns)


def main() -> None:
    """Load in the form and by the strategy that are named, in files of the format that is named or dlt's own choice."""
    form, strategy, *formats = sys.argv[1:]
    source = flat(strategy) if form == "flat" else nested(NESTED[strategy])
    pipeline = dlt.pipeline("bench", destination="postgres", dataset_name="peer", pipelines_dir="pipelines")
    pipeline.run(source, loader_file_format=formats[0] if formats else None)


if __name__ == "__main__":
    main()
