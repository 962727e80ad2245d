"""What reading the rows of an account's segments gave, kept from one load to the next.

When a row counts as read before is ``amocrm.recall``'s subject. Why recalling is exact: docs/decisions/0020.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection

from pipelines.amocrm.recall import Memory, ReadBefore
from pipelines.amocrm.records import Oddity
from pipelines.reading_code import READING_CODE
from pipelines.warehouse.statements import statement


def recall_rows(connection: Connection, account_id: int) -> Memory:
    """What this code has read of the account; nothing where other code did, or nobody."""
    of = {"account_id": account_id, "reading_code": READING_CODE}
    remembered = connection.scalar(statement("row_memory"), of) or {}
    return {
        bytes.fromhex(digest): ReadBefore(
            content_hash=bytes.fromhex(content_hash),
            oddities=tuple(
                Oddity(kind=kind, thing=thing, thing_id=thing_id, detail=detail)
                for kind, thing, thing_id, detail in oddities
            ),
        )
        for digest, (content_hash, *oddities) in remembered.items()
    }


def remember_rows(connection: Connection, account_id: int, memory: Memory) -> None:
    """Remember what was read, in place of what was remembered before."""
    segments = {
        digest.hex(): [
            before.content_hash.hex(),
            *((one.kind, one.thing, one.thing_id, one.detail) for one in before.oddities),
        ]
        for digest, before in memory.items()
    }
    connection.execute(
        statement("remember_rows"),
        {"account_id": account_id, "reading_code": READING_CODE, "segments": json.dumps(segments)},
    )
