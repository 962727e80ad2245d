"""One load of one account, from the API to a published snapshot, in two steps that can be run apart and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Engine

from pipelines.amocrm.read import read_recalling, read_snapshot
from pipelines.amocrm.recall import Memory
from pipelines.amocrm.records import RawAnswer, Snapshot
from pipelines.amocrm.said import what_was_said
from pipelines.ask import Asked, Extracted, ask, keep, purge
from pipelines.clock import SYSTEM_CLOCK, Clock
from pipelines.errors import DatabaseError, DatabaseUnavailable
from pipelines.failure_note import failure_noted
from pipelines.seen import Seen, seen_in
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.memory import recall_rows, remember_rows
from pipelines.warehouse.newest import Newest, publish_again, remember_answers
from pipelines.warehouse.publish import Origin, Published, publish
from pipelines.warehouse.raw import keep_answers, read_answers
from pipelines.warehouse.wide import follow_fields

Done = TypeVar("Done")

PUBLISH_WAITS: Final = (1.0, 4.0)
"""Seconds before publishing again after the connection was lost, which is safe: publishing twice changes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """A snapshot, and the answers that it was read from."""

    snapshot: Snapshot
    answers: Sequence[RawAnswer]
    memory: Memory | None = None  # what the next load may recall, where that is not what this one did


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A load that was published: what it saw, and what publishing it changed."""

    extracted: Extracted
    seen: Seen
    published: Published


def load_account(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> Loaded:
    """Ask the API, publish what it said, purge raw answers that are too old.

    A failure of any kind leaves what is stored as it was, is noted in ``amocrm.load_failure``, and is raised.
    """
    asked = ask(engine, account, settings, clock=clock, run_id=run_id, may_skip=True)
    if asked.newest is not None:
        loaded = publish_unread(engine, asked, asked.newest, settings, clock=clock, run_id=run_id)
        if loaded is not None:
            return loaded
        keep(engine, asked.extracted, asked.answers)
    read = partial(recall_and_read, engine, asked)
    return publish_read(engine, asked.extracted, read, settings, clock=clock, run_id=run_id)[0]


def load_and_read(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> tuple[Loaded, Snapshot]:
    """The same, for those who go on with the snapshot itself."""
    asked = ask(engine, account, settings, clock=clock, run_id=run_id)
    return publish_read(engine, asked.extracted, partial(read_whole, asked), settings, clock=clock, run_id=run_id)


def extract_load(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> Extracted:
    """The first step alone: ask the API for all it says of the account now, and keep its answers in Postgres.

    Raises ``ApiError``, also where the answers cannot be read; what had been answered until then is kept too, where the
    account is known.
    """
    asked = ask(engine, account, settings, clock=clock, run_id=run_id)
    with failure_noted(engine, account.key, started_at=asked.extracted.observed_at, clock=clock, run_id=run_id):
        read_whole(asked)
    return asked.extracted


def publish_load(
    engine: Engine,
    extracted: Extracted,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> Loaded:
    """The second step alone: publish a load whose answers are kept; doing it again changes nothing."""

    def read() -> Read:
        answers = kept_answers(engine, extracted)
        return Read(snapshot=read_snapshot(answers, extracted.observed_at), answers=answers)

    return publish_read(engine, extracted, read, settings, clock=clock, run_id=run_id)[0]


def read_whole(asked: Asked) -> Read:
    """The snapshot that answers make, every segment read."""
    snapshot = read_snapshot(asked.answers, asked.extracted.observed_at, documents=asked.documents)
    return Read(snapshot=snapshot, answers=asked.answers)


def recall_and_read(engine: Engine, asked: Asked) -> Read:
    """The same, but segments whose rows were read before are left unread."""
    with transaction(engine, account=asked.extracted.account_key) as connection:
        before = recall_rows(connection, asked.extracted.account_id)
    snapshot, memory = read_recalling(asked.answers, asked.extracted.observed_at, before, documents=asked.documents)
    return Read(snapshot=snapshot, answers=asked.answers, memory=memory if memory != before else None)


def kept_answers(engine: Engine, extracted: Extracted) -> Sequence[RawAnswer]:
    """The answers of a load as they were kept. Raises ``DatabaseError`` where they are not there any more."""
    with transaction(engine, account=extracted.account_key) as connection:
        answers = read_answers(connection, extracted.account_id, extracted.observed_at, extracted.load_id)
    if not answers:
        raise DatabaseError(
            f"the answers of the load of {extracted.observed_at.isoformat()} are not kept any more.",
            account=extracted.account_key,
            advice="Load the account again from the beginning.",
        )
    return answers


def origin_of(extracted: Extracted, run_id: str | None) -> Origin:
    """What the ledger says of a load beside its snapshot."""
    return Origin(
        account_key=extracted.account_key,
        host=extracted.host,
        load_id=extracted.load_id,
        request_count=extracted.request_count,
        byte_count=extracted.byte_count,
        duration_seconds=extracted.duration_seconds,
        run_id=run_id,
    )


def publish_unread(
    engine: Engine, asked: Asked, newest: Newest, settings: Settings, *, clock: Clock, run_id: str | None
) -> Loaded | None:
    """Publish ``newest`` once more, which the account has just said again, and keep the answers.

    Nothing is read, and all is one transaction. None, with nothing written, where another snapshot is the newest now.
    """
    extracted = asked.extracted

    def publish_once() -> Published | None:
        with transaction(engine, account=extracted.account_key) as connection:
            published = publish_again(connection, newest, origin_of(extracted, run_id), extracted.observed_at)
            if published is not None:
                if settings.raw_retention_days > 0:
                    keep_answers(
                        connection, extracted.account_id, extracted.observed_at, extracted.load_id, asked.answers
                    )
                purge(connection, extracted.account_id, settings, until=extracted.observed_at)
        return published

    with failure_noted(engine, extracted.account_key, started_at=extracted.observed_at, clock=clock, run_id=run_id):
        published = surely(publish_once, clock)
    return None if published is None else Loaded(extracted=extracted, seen=newest.seen, published=published)


def publish_read(
    engine: Engine,
    extracted: Extracted,
    read: Callable[[], Read],
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None,
) -> tuple[Loaded, Snapshot]:
    """Publish the snapshot that ``read`` gives, let the wide view follow the fields, and purge what is too old.

    Only when all that is done the answers are remembered as those that the next load need not read again.
    """
    account_id, account_key = extracted.account_id, extracted.account_key
    with failure_noted(engine, account_key, started_at=extracted.observed_at, clock=clock, run_id=run_id):
        found = read()
        origin = origin_of(extracted, run_id)
        published = surely(partial(publish, engine, found.snapshot, origin, has_key=settings.has_key), clock)
        is_shown = follow_fields(engine, account_id, account=account_key)
        with transaction(engine, account=account_key) as connection:
            if found.memory is not None:
                remember_rows(connection, account_id, found.memory)
            said = what_was_said(found.answers)
            if is_shown and said is not None:
                remember_answers(connection, account_id, extracted.observed_at, said)
            # Last, as where a load is published unread: two loads of an account that lock the same do it in one order.
            purge(connection, account_id, settings, until=extracted.observed_at)
    return Loaded(extracted=extracted, seen=seen_in(found.snapshot), published=published), found.snapshot


def surely(publish_once: Callable[[], Done], clock: Clock) -> Done:
    """Publish, and again when the connection was lost: even if COMMIT's answer was lost the snapshot is there once."""
    for wait in PUBLISH_WAITS:
        try:
            return publish_once()
        except DatabaseUnavailable:
            clock.sleep(wait)
    return publish_once()
