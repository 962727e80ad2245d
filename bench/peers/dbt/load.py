"""The accounts by dbt: rows are copied into tables of the latest state, and ``dbt snapshot`` keeps their history.

The snapshots are as dbt's documentation has them: https://docs.getdbt.com/docs/build/snapshots, strategy ``check`` with
``hard_deletes``. Rows get into Postgres by COPY, since dbt itself loads nothing. The tables are
created once, and truncated by each load in the transaction that fills them.
"""

from __future__ import annotations

import csv
import os
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2
import requests
from amo import ACCOUNT, FIELDS, PAGE, SEGMENTS, Account, accounts, batches, rows_of
from dbt.cli.main import dbtRunner

PROJECT = Path(__file__).parent / "project"
COLUMNS = {
    "accounts": "id bigint, name text, subdomain text, country text, currency text, customers_mode text",
    "segments": "account_id bigint, id bigint, name text, color text, created_at bigint, updated_at bigint,"
    " customers_count bigint",
    "values": "account_id bigint, segment_id bigint, field_id bigint, field_type text, position int, text_value text,"
    " number_value float8, boolean_value boolean, enum_id bigint",
    "fields": "account_id bigint, id bigint, name text, code text, type text, sort bigint",
    "options": "account_id bigint, field_id bigint, id bigint, value text, sort bigint",
}


def fetch(session: requests.Session, batch: list[Account]) -> dict[str, list[dict[str, Any]]]:
    """Rows of some accounts."""
    described, segments, fields = [], [], []
    for one in batch:
        described.append(session.get(one.url + ACCOUNT, headers=one.headers).json())
        for path, found in ((SEGMENTS, segments), (FIELDS, fields)):
            document = session.get(one.url + path, params=PAGE, headers=one.headers).json()
            found.extend(document["_embedded"][path.rpartition("/")[2]])
    return rows_of(described, segments, fields, "")


def copy(cursor: Any, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert by COPY, without the time of the load, which would make every row a changed one."""
    names = [column.split()[0] for column in COLUMNS[table].split(", ")]
    buffer = StringIO()
    csv.writer(buffer).writerows([row[name] for name in names] for row in rows)
    buffer.seek(0)
    cursor.copy_expert(f'copy peer."{table}" from stdin with csv', buffer)


def main() -> None:
    """Replace the latest state, then let dbt compare it with the history."""
    with (
        requests.Session() as session,
        psycopg2.connect(os.environ["DATABASE_URL"]) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("create schema if not exists peer")
        for table, columns in COLUMNS.items():
            cursor.execute(f'create unlogged table if not exists peer."{table}" ({columns}); truncate peer."{table}"')
        for batch in batches(accounts()):
            for table, rows in fetch(session, batch).items():
                copy(cursor, table, rows)
    folders = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--log-path", "logs"]
    folders += ["--target-path", Path.cwd() / "target"]  # relative, it would be in the project
    result = dbtRunner().invoke(["--quiet", "snapshot", *map(str, folders)])
    sys.exit(0 if result.success else 1)


if __name__ == "__main__":
    main()
