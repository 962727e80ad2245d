"""The record of calls that change accounts: written down before they are sent, completed after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal, TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pipelines.amocrm import strict_json
from pipelines.amocrm.messages import Answer, Attempt, Kind, write_request
from pipelines.amocrm.records import Json
from pipelines.amocrm.storable import storable_json
from pipelines.errors import DatabaseError
from pipelines.manage.calls import Action, Call
from pipelines.manage.successors import Successors
from pipelines.warehouse.engine import NOT_FREE, database_errors, transaction
from pipelines.warehouse.in_the_way import who_is_in_the_way
from pipelines.warehouse.publish import as_json
from pipelines.warehouse.statements import statement

Outcome: TypeAlias = Literal["done", "refused", "not_sent", "uncertain"]
"""What became of a call; the comment of ``amocrm.write_back.outcome`` says what each means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """What calls are made for: the same for all calls of one apply."""

    apply_id: UUID
    account_id: int
    account_key: str
    who: str
    reason: str | None
    source: str  # where it is written what is wanted
    restored_from: datetime | None  # the snapshot that is restored


@dataclass(frozen=True, kw_only=True, slots=True)
class UncertainThing:
    """What a call of which nobody knows whether it happened was to do to one thing."""

    kind: Kind
    action: Action
    thing_id: int | None  # None: it was to be added
    name: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UncertainCall:
    """A call of which nobody knows whether it happened."""

    call_id: UUID
    intended_at: datetime
    things: tuple[UncertainThing, ...]


@contextmanager
def only_apply(engine: Engine, account_id: int, account_key: str) -> Iterator[None]:
    """Keep away whoever would change the account meanwhile by this program; ``DatabaseError`` if one is at it."""
    lock = {"work": "apply", "account_id": account_id}
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("make_work_lock"), lock)
    with database_errors(account=account_key), engine.connect() as connection:
        connection.detach()  # of its own: it is idle for as long as amoCRM is written to
        connection.execute(statement("stay_open"))
        try:
            connection.execute(statement("lock_work_at_once"), lock)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != NOT_FREE:
                raise
            connection.rollback()
            raise DatabaseError(
                "Stages or segments of this account are being changed by another apply or restore."
                f" {who_is_in_the_way(connection)}".rstrip(),
                account=account_key,
                advice="Wait until it has ended, then plan again: nothing was sent.",
            ) from None
        yield


def write_down(engine: Engine, errand: Errand, call: Call, *, position: int, at: datetime) -> UUID:
    """Commit that a call is about to be made; its id."""
    call_id = uuid4()
    key = {"account_id": errand.account_id, "call_id": call_id}
    with transaction(engine, account=errand.account_key) as connection:
        connection.execute(
            statement("insert_write_back"),
            key
            | {
                "apply_id": errand.apply_id,
                "position": position,
                "intended_at": at,
                "who": errand.who,
                "reason": errand.reason,
                "source": errand.source,
                "restored_from": errand.restored_from,
                "method": call.method,
                "path": write_request(call.method, call.resource, call.thing_id, call.body).path,
                "body": as_json(call.body),
            },
        )
        connection.execute(
            statement("insert_write_back_thing"),
            [
                key
                | {
                    "position": place,
                    "thing": change.kind,
                    "action": change.action,
                    "thing_id": change.thing_id,
                    "name": change.name,
                    "replaces_id": change.replaces,
                }
                for place, change in enumerate(call.changes)
            ],
        )
    return call_id


def complete(
    engine: Engine,
    errand: Errand,
    call_id: UUID,
    outcome: Outcome,
    *,
    at: datetime,
    attempt: Attempt | None,
    added_ids: Sequence[int] = (),
    error: str | None = None,
) -> None:
    """Commit what became of a call; ``added_ids`` are those of what it added, in its order."""
    key = {"account_id": errand.account_id, "call_id": call_id}
    answer = attempt.answer if attempt else None
    with transaction(engine, account=errand.account_key) as connection:
        connection.execute(
            statement("complete_write_back"),
            key
            | {
                "ended_at": at,
                "outcome": outcome,
                "status": answer.status if answer else None,
                "answer": as_json(_document(answer)),
                "request_id": answer.request_id if answer else None,
                "error": error,
            },
        )
        if added_ids:
            connection.execute(statement("name_added_things"), key | {"thing_ids": list(added_ids)})


def note_done(
    connection: Connection, account_id: int, call_id: UUID, *, at: datetime, added_ids: Sequence[int]
) -> None:
    """Note that a call of which nobody knew turned out to have happened."""
    key = {"account_id": account_id, "call_id": call_id}
    connection.execute(statement("settle_write_back"), key | {"ended_at": at})
    if added_ids:
        connection.execute(statement("name_added_things"), key | {"thing_ids": list(added_ids)})


def read_uncertain(connection: Connection, account_id: int) -> list[UncertainCall]:
    """The calls of which nobody knows whether they happened, the oldest first."""
    rows = connection.execute(statement("uncertain_write_backs"), {"account_id": account_id})
    return [
        UncertainCall(
            call_id=call_id,
            intended_at=intended_at,
            things=tuple(
                UncertainThing(kind=row.thing, action=row.action, thing_id=row.thing_id, name=row.name)
                for row in of_one
            ),
        )
        for (call_id, intended_at), of_one in groupby(rows, key=attrgetter("call_id", "intended_at"))
    ]


def read_not_new(connection: Connection, account_id: int, instant: datetime) -> set[tuple[Kind, int]]:
    """What cannot have been added by a call made at ``instant``: it was there, or another of our calls has added it."""
    rows = connection.execute(statement("things_not_new"), {"account_id": account_id, "instant": instant})
    return {(row.thing, row.thing_id) for row in rows}


def read_successors(connection: Connection, account_id: int) -> Successors:
    """What earlier restorations put in the place of things that were gone."""
    rows = connection.execute(statement("successors"), {"account_id": account_id})
    return {(row.thing, row.replaces_id): row.thing_id for row in rows}


def _document(answer: Answer | None) -> Json:
    """The answer's JSON as Postgres can store it; None where it is none."""
    try:
        return storable_json(strict_json.parse(answer.body), lambda _: None) if answer else None
    except strict_json.NotStrictJson:
        return None
