"""Read and write the row cache: parsed segment rows, kept from one load to the next.

``amocrm.row_cache`` decides when a cached row is reused. docs/decisions/0020 explains why that is
exact.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection

from pipelines.amocrm.row_cache import CachedRow, RowCache
from pipelines.transform.code_fingerprint import PARSER_FINGERPRINT
from pipelines.warehouse.queries import statement
from pipelines.warehouse.state import to_anomaly


def read_row_cache(connection: Connection, account_id: int) -> RowCache:
    """Read the account's cache; empty if there is none or if other code wrote it."""
    parameters = {"account_id": account_id, "reading_code": PARSER_FINGERPRINT}
    stored = connection.scalar(statement("row_cache"), parameters) or {}
    return {
        bytes.fromhex(digest): CachedRow(
            content_hash=bytes.fromhex(content_hash),
            anomalies=tuple(map(to_anomaly, anomalies)),
        )
        for digest, (content_hash, *anomalies) in stored.items()
    }


def write_row_cache(connection: Connection, account_id: int, row_cache: RowCache) -> None:
    """Replace the account's cache."""
    segments = {
        digest.hex(): [
            cached.content_hash.hex(),
            *((anomaly.kind, anomaly.thing, anomaly.thing_id, anomaly.detail) for anomaly in cached.anomalies),
        ]
        for digest, cached in row_cache.items()
    }
    connection.execute(
        statement("upsert_row_cache"),
        {"account_id": account_id, "reading_code": PARSER_FINGERPRINT, "segments": json.dumps(segments)},
    )
