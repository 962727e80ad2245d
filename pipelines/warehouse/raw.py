"""Raw answers in Postgres: kept as received, read back, purged. What they mean is not known here."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from pipelines.amocrm.records import RawAnswer
from pipelines.warehouse.statements import statement
from pipelines.warehouse.work_locks import lock_work


def keep_answers(
    connection: Connection, account_id: int, observed_at: datetime, load_id: UUID, answers: Sequence[RawAnswer]
) -> None:
    """Store a load's answers; a body that is stored already is neither compressed nor sent again.

    Doing it again changes nothing.
    """
    if not answers:
        return
    bodies = {answer.body_hash: answer.body for answer in answers}
    lock_work(connection, "raw_answer", account_id)  # a body must not go while an answer to it arrives
    known = connection.scalars(statement("known_bodies"), {"account_id": account_id, "body_hashes": list(bodies)}).all()
    new = [
        {"account_id": account_id, "body_hash": body_hash, "body": zlib.compress(body), "byte_count": len(body)}
        for body_hash, body in bodies.items()
        if body_hash not in set(known)
    ]
    if new:
        connection.execute(statement("insert_raw_body"), new)
    connection.execute(
        statement("insert_raw_answer"),
        [
            {
                "account_id": account_id,
                "observed_at": observed_at,
                "load_id": load_id,
                "sequence": answer.sequence,
                "resource": answer.resource,
                "thing_id": answer.thing_id,
                "page": answer.page,
                "pass_number": answer.pass_number,
                "is_accepted": answer.is_accepted,
                "path": answer.path,
                "status": answer.status,
                "content_type": answer.content_type,
                "request_id": answer.request_id,
                "received_at": answer.received_at,
                "body_hash": answer.body_hash,
            }
            for answer in answers
        ],
    )


def read_answers(connection: Connection, account_id: int, observed_at: datetime, load_id: UUID) -> list[RawAnswer]:
    """A load's answers in the order in which they came; empty when they were purged or never kept."""
    rows = connection.execute(
        statement("raw_answers"), {"account_id": account_id, "observed_at": observed_at, "load_id": load_id}
    )
    return [
        RawAnswer(
            sequence=row.sequence,
            resource=row.resource,
            thing_id=row.thing_id,
            page=row.page,
            pass_number=row.pass_number,
            is_accepted=row.is_accepted,
            path=row.path,
            status=row.status,
            content_type=row.content_type,
            request_id=row.request_id,
            received_at=row.received_at,
            body=zlib.decompress(row.body),
            body_hash=row.body_hash,
        )
        for row in rows
    ]


def purge_answers(connection: Connection, account_id: int, *, until: datetime) -> int:
    """Delete answers of loads that began up to this instant, and bodies nobody needs any more; how many answers."""
    lock_work(connection, "raw_answer", account_id)  # a body must not go while an answer to it arrives
    purged = connection.execute(statement("purge_raw_answers"), {"account_id": account_id, "until": until}).rowcount
    if purged:
        connection.execute(statement("purge_raw_bodies"), {"account_id": account_id})
    return purged
