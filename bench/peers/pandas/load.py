"""The accounts by pandas: ``load.py insert``, to_sql's own statements, or ``load.py copy``, the callable of its manual.

https://pandas.pydata.org/docs/user_guide/io.html#insertion-method has that callable.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pandas as pd
import requests
from amo import ACCOUNT, FIELDS, PAGE, SEGMENTS, Account, accounts, batches, rows_of
from sqlalchemy import create_engine, make_url

NOW = datetime.now(UTC).isoformat()


def frames(session: requests.Session, batch: list[Account]) -> dict[str, pd.DataFrame]:
    """What some accounts say, as a frame for each table."""
    described, segments, fields = [], [], []
    for one in batch:
        described.append(session.get(one.url + ACCOUNT, headers=one.headers).json())
        for path, found in ((SEGMENTS, segments), (FIELDS, fields)):
            document = session.get(one.url + path, params=PAGE, headers=one.headers).json()
            found.extend(document["_embedded"][path.rpartition("/")[2]])
    rows = rows_of(described, segments, fields, NOW)
    return {name: pd.DataFrame(found).convert_dtypes() for name, found in rows.items()}


def copied(table: Any, connection: Any, keys: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert by COPY."""
    buffer = StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    columns = ", ".join(f'"{key}"' for key in keys)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f'copy "{table.name}" ({columns}) from stdin with csv', buffer)


def main() -> None:
    """Append what all accounts say, in one transaction."""
    method: Callable[..., None] | None = copied if sys.argv[1] == "copy" else None
    engine = create_engine(make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg2"))
    with requests.Session() as session, engine.begin() as connection:
        for batch in batches(accounts()):
            for name, frame in frames(session, batch).items():
                frame.to_sql(name, connection, if_exists="append", index=False, method=method, chunksize=50_000)


if __name__ == "__main__":
    main()
