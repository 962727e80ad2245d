"""What reading the rows of an account's segments gave, kept from one load to the next.

When a row counts as read before is ``amocrm.recall``'s subject. Why recalling is exact: docs/decisions/0020.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection

from pipelines.amocrm.models import Anomaly
from pipelines.amocrm.row_cache import CachedRow, RowCache
from pipelines.transform.code_fingerprint import PARSER_FINGERPRINT
from pipelines.warehouse.queries import statement


def read_row_cache(connection: Connection, account_id: int) -> RowCache:
    """What this code has read of the account; nothing where other code did, or nobody."""
    parameters = {"account_id": account_id, "reading_code": PARSER_FINGERPRINT}
    stored = connection.scalar(statement("row_memory"), parameters) or {}
    return {
        bytes.fromhex(digest): CachedRow(
            content_hash=bytes.fromhex(content_hash),
            anomalies=tuple(
                Anomaly(kind=kind, thing=thing, thing_id=thing_id, detail=detail)
                for kind, thing, thing_id, detail in anomalies
            ),
        )
        for digest, (content_hash, *anomalies) in stored.items()
    }


def write_row_cache(connection: Connection, account_id: int, row_cache: RowCache) -> None:
    """Remember what was read, in place of what was remembered before."""
    segments = {
        digest.hex(): [
            cached.content_hash.hex(),
            *((anomaly.kind, anomaly.thing, anomaly.thing_id, anomaly.detail) for anomaly in cached.anomalies),
        ]
        for digest, cached in row_cache.items()
    }
    connection.execute(
        statement("remember_rows"),
        {"account_id": account_id, "reading_code": PARSER_FINGERPRINT, "segments": json.dumps(segments)},
    )
