"""Store, read and purge raw responses in Postgres."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from pipelines.amocrm.models import RawResponse
from pipelines.warehouse.queries import statement
from pipelines.warehouse.together import Call, execute_together
from pipelines.warehouse.work_locks import lock_work


def store_responses(
    connection: Connection, account_id: int, observed_at: datetime, load_id: UUID, responses: Sequence[RawResponse]
) -> None:
    """Store a load's responses.

    Idempotent. Each distinct body is compressed and stored once per account.
    """
    if not responses:
        return
    bodies = {response.body_hash: response.body for response in responses}
    _, stored = execute_together(
        connection,
        ("lock_work", {"work": "raw_answer", "account_id": account_id}),  # against a purge of the bodies
        ("stored_bodies", {"account_id": account_id, "body_hashes": list(bodies)}),
    )
    stored_hashes = {row.body_hash for row in stored}
    new_bodies: list[Call] = [
        (
            "insert_raw_body",
            {"account_id": account_id, "body_hash": body_hash, "body": zlib.compress(body), "byte_count": len(body)},
        )
        for body_hash, body in bodies.items()
        if body_hash not in stored_hashes
    ]
    new_responses: list[Call] = [
        (
            "insert_raw_response",
            {
                "account_id": account_id,
                "observed_at": observed_at,
                "load_id": load_id,
                "sequence": response.sequence,
                "resource": response.resource,
                "thing_id": response.thing_id,
                "page": response.page,
                "pass_number": response.pass_number,
                "is_accepted": response.is_accepted,
                "path": response.path,
                "status": response.status,
                "content_type": response.content_type,
                "request_id": response.request_id,
                "received_at": response.received_at,
                "body_hash": response.body_hash,
            },
        )
        for response in responses
    ]
    execute_together(connection, *new_bodies, *new_responses)


def read_responses(connection: Connection, account_id: int, observed_at: datetime, load_id: UUID) -> list[RawResponse]:
    """Read a load's responses in the order of arrival; empty if they were purged or never stored."""
    rows = connection.execute(
        statement("raw_responses"), {"account_id": account_id, "observed_at": observed_at, "load_id": load_id}
    )
    return [
        RawResponse(
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


def purge_responses(connection: Connection, account_id: int, *, until: datetime) -> int:
    """Delete responses of loads that began by then, and unreferenced bodies.

    Returns the number of responses.
    """
    lock_work(connection, "raw_answer", account_id)  # no body may be purged while a response to it is inserted
    purged = connection.execute(statement("purge_raw_responses"), {"account_id": account_id, "until": until}).rowcount
    if purged:
        connection.execute(statement("purge_raw_bodies"), {"account_id": account_id})
    return purged
