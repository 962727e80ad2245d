"""Journal of calls that change accounts: each is recorded before it is sent, and completed afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal, TypeAlias
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipelines.amocrm import strict_json
from pipelines.amocrm.messages import EntityKind, Response, WriteAttempt, write_request
from pipelines.amocrm.models import Json
from pipelines.amocrm.sanitize import sanitize_json
from pipelines.base.errors import DatabaseError
from pipelines.warehouse.blockers import describe_blockers
from pipelines.warehouse.engine import LOCK_NOT_AVAILABLE, sqlstate_of, transaction, translate_database_errors
from pipelines.warehouse.publish import to_jsonb
from pipelines.warehouse.queries import statement
from pipelines.writeback.calls import Call, ChangeAction
from pipelines.writeback.successors import Successors

CallOutcome: TypeAlias = Literal["done", "refused", "not_sent", "uncertain"]
"""Outcome of a call; the comment of ``amocrm.write_back.outcome`` describes the values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyRecord:
    """Columns that all calls of one apply have in common."""

    apply_id: UUID
    account_id: int
    account_key: str
    who: str
    reason: str | None
    source: str  # of the desired state
    restored_from: datetime | None  # time of the restored snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class UncertainEntity:
    """Intended change of one entity by a call with unknown outcome."""

    kind: EntityKind
    action: ChangeAction
    thing_id: int | None  # None: an addition
    name: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UncertainCall:
    """A call with unknown outcome."""

    call_id: UUID
    intended_at: datetime
    entities: tuple[UncertainEntity, ...]


@contextmanager
def apply_lock(engine: Engine, account_id: int, account_key: str) -> Iterator[None]:
    """Lock the account against other applies for the duration of the context.

    Raises ``DatabaseError`` if one runs.
    """
    lock = {"work": "apply", "account_id": account_id}
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("create_work_lock"), lock)
    with translate_database_errors(account=account_key), ExitStack() as stack:
        connection = engine.connect()
        stack.callback(_close_quietly, connection)
        connection.detach()  # outside of the pool: it stays idle while calls are sent
        connection.execute(statement("disable_idle_timeout"))
        try:
            connection.execute(statement("try_lock_work"), lock)
        except DBAPIError as error:
            if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
                raise
            connection.rollback()
            raise DatabaseError(
                "Another apply or restore is changing stages or segments of this account."
                f" {describe_blockers(connection)}".rstrip(),
                account=account_key,
                advice="Wait until it has ended, then plan again: nothing was sent.",
            ) from None
        yield


def _close_quietly(connection: Connection) -> None:
    """Release the lock. If the connection is lost, Postgres has released it, and the apply is not affected."""
    with suppress(SQLAlchemyError, psycopg.Error):
        connection.close()


def record_call(engine: Engine, apply_record: ApplyRecord, call: Call, *, position: int, at: datetime) -> UUID:
    """Commit a record of a call before it is sent, and return its id."""
    call_id = uuid4()
    key = {"account_id": apply_record.account_id, "call_id": call_id}
    with transaction(engine, account=apply_record.account_key) as connection:
        connection.execute(
            statement("insert_write_back"),
            key
            | {
                "apply_id": apply_record.apply_id,
                "position": position,
                "intended_at": at,
                "who": apply_record.who,
                "reason": apply_record.reason,
                "source": apply_record.source,
                "restored_from": apply_record.restored_from,
                "method": call.method,
                "path": write_request(call.method, call.resource, call.thing_id, call.body).path,
                "body": to_jsonb(call.body),
            },
        )
        connection.execute(
            statement("insert_write_back_thing"),
            [
                key
                | {
                    "position": index,
                    "thing": change.kind,
                    "action": change.action,
                    "thing_id": change.thing_id,
                    "name": change.name,
                    "replaces_id": change.replaces,
                }
                for index, change in enumerate(call.changes)
            ],
        )
    return call_id


def record_outcome(
    engine: Engine,
    apply_record: ApplyRecord,
    call_id: UUID,
    outcome: CallOutcome,
    *,
    at: datetime,
    attempt: WriteAttempt | None,
    added_ids: Sequence[int] = (),
    error: str | None = None,
) -> None:
    """Commit a call's outcome; ``added_ids`` are the ids of added entities, in the call's order."""
    key = {"account_id": apply_record.account_id, "call_id": call_id}
    response = attempt.response if attempt else None
    with transaction(engine, account=apply_record.account_key) as connection:
        connection.execute(
            statement("complete_write_back"),
            key
            | {
                "ended_at": at,
                "outcome": outcome,
                "status": response.status if response else None,
                "answer": to_jsonb(_response_json(response)),
                "request_id": response.request_id if response else None,
                "error": error,
            },
        )
        if added_ids:
            connection.execute(statement("set_added_ids"), key | {"thing_ids": list(added_ids)})


def record_done(
    connection: Connection, account_id: int, call_id: UUID, *, at: datetime, added_ids: Sequence[int]
) -> None:
    """Record that a call with unknown outcome was carried out."""
    key = {"account_id": account_id, "call_id": call_id}
    connection.execute(statement("mark_write_back_done"), key | {"ended_at": at})
    if added_ids:
        connection.execute(statement("set_added_ids"), key | {"thing_ids": list(added_ids)})


def read_uncertain(connection: Connection, account_id: int) -> list[UncertainCall]:
    """Read the calls with unknown outcome, oldest first."""
    rows = connection.execute(statement("uncertain_write_backs"), {"account_id": account_id})
    return [
        UncertainCall(
            call_id=call_id,
            intended_at=intended_at,
            entities=tuple(
                UncertainEntity(kind=row.thing, action=row.action, thing_id=row.thing_id, name=row.name)
                for row in call_rows
            ),
        )
        for (call_id, intended_at), call_rows in groupby(rows, key=attrgetter("call_id", "intended_at"))
    ]


def read_preexisting(connection: Connection, account_id: int, instant: datetime) -> set[tuple[EntityKind, int]]:
    """Read entities that a call at ``instant`` cannot have added: they existed, or another of our calls added them."""
    rows = connection.execute(statement("preexisting_entities"), {"account_id": account_id, "instant": instant})
    return {(row.thing, row.thing_id) for row in rows}


def read_successors(connection: Connection, account_id: int) -> Successors:
    """Read the successors that earlier restores added for deleted entities."""
    rows = connection.execute(statement("successors"), {"account_id": account_id})
    return {(row.thing, row.replaces_id): row.thing_id for row in rows}


def _response_json(response: Response | None) -> Json:
    """Parse the response's JSON and sanitize it for Postgres; None if it is not JSON."""
    try:
        return sanitize_json(strict_json.parse(response.body), lambda _: None) if response else None
    except strict_json.NotStrictJson:
        return None
