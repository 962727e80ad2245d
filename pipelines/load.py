"""One load of one account, from the API to a published snapshot, in two steps that can be run apart and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import Engine

from pipelines.access import way_to
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.conversation import Clocks
from pipelines.amocrm.extract import Extraction, Known, extract
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.read import read_snapshot
from pipelines.amocrm.records import RawAnswer, Snapshot
from pipelines.blocks import block_noted, refuse_blocked
from pipelines.clock import SYSTEM_CLOCK, Clock, refuse_future
from pipelines.errors import (
    ApiError,
    DatabaseError,
    DatabaseUnavailable,
    WarehouseError,
    WrongAccount,
)
from pipelines.seen import Seen, seen_in
from pipelines.settings import AccountSettings, Settings
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.publish import Origin, Published, publish
from pipelines.warehouse.raw import keep_answers, purge_answers, read_answers
from pipelines.warehouse.state import account_of_key, known_things, read_state
from pipelines.warehouse.statements import statement
from pipelines.warehouse.wide import follow_fields

PUBLISH_WAITS: Final = (1.0, 4.0)
"""Seconds before publishing again after the connection was lost, which is safe: publishing twice changes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """A load whose answers are kept in Postgres: what publishing needs to find them, and what they cost."""

    account_id: int
    account_key: str
    host: str
    observed_at: datetime
    load_id: UUID
    request_count: int
    byte_count: int
    duration_seconds: float


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
    return load_and_read(engine, account, settings, clock=clock, run_id=run_id)[0]


def load_and_read(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> tuple[Loaded, Snapshot]:
    """The same, for those who go on with the snapshot itself."""
    extracted, extraction = ask(engine, account, settings, clock=clock, run_id=run_id)
    return publish_read(engine, extracted, extraction.snapshot, settings, clock=clock, run_id=run_id)


def extract_load(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> Extracted:
    """The first step alone: ask the API for all it says of the account now, and keep its answers in Postgres.

    Raises ``ApiError``; what had been answered until then is kept too, where the account is known.
    """
    return ask(engine, account, settings, clock=clock, run_id=run_id)[0]


def publish_load(
    engine: Engine,
    extracted: Extracted,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> Loaded:
    """The second step alone: publish a load whose answers are kept; doing it again changes nothing."""
    read = partial(read_load, engine, extracted)
    return publish_read(engine, extracted, read, settings, clock=clock, run_id=run_id)[0]


def ask(
    engine: Engine, account: AccountSettings, settings: Settings, *, clock: Clock, run_id: str | None
) -> tuple[Extracted, Extraction]:
    """Read everything from the API and commit the answers as received."""
    observed_at, load_id = clock.now(), uuid4()

    def keep(account_id: int, answers: Sequence[RawAnswer]) -> None:
        with transaction(engine, account=account.key) as connection:
            keep_answers(connection, account_id, observed_at, load_id, answers)

    with (
        failure_noted(engine, account.key, started_at=observed_at, clock=clock, run_id=run_id),
        open_client(account, settings, clock) as client,
        block_noted(settings.data_dir, urlsplit(client.base_url).netloc, clock),
    ):
        account_id, known = what_is_known(engine, account, client)
        try:
            extraction = extract(client, known, now=lambda: observed_at)
        except WrongAccount:
            raise  # what another account says is not kept among this one's answers
        except ApiError as error:
            with suppress(DatabaseError):  # the API's error is the one to tell
                keep(account_id, error.answers)
                purge(engine, account.key, account_id, settings, until=observed_at)
            raise
        refuse_future(observed_at, client.host_date)
        keep(account_id, extraction.answers)
    extracted = Extracted(
        account_id=account_id,
        account_key=account.key,
        host=urlsplit(client.base_url).netloc,
        observed_at=observed_at,
        load_id=load_id,
        request_count=extraction.request_count,
        byte_count=extraction.byte_count,
        duration_seconds=(clock.now() - observed_at).total_seconds(),
    )
    return extracted, extraction


def open_client(account: AccountSettings, settings: Settings, clock: Clock) -> AmoClient:
    """A new conversation with the account, at the pace that the settings allow."""
    way = way_to(account, settings, clock)
    refuse_blocked(settings.data_dir, urlsplit(way.base_url).netloc, clock.now())
    return AmoClient(
        way.base_url,
        way.token,
        account_key=account.key,
        limits=Limits(requests_per_second=settings.requests_per_second),
        clocks=Clocks(now=clock.now, sleep=clock.sleep),
    )


def what_is_known(engine: Engine, account: AccountSettings, client: AmoClient) -> tuple[int, Known]:
    """The account's id, and what the warehouse holds open of it, which a reading has to account for."""
    with transaction(engine, account=account.key) as connection:
        bound_id = account_of_key(connection, account.key)
    # A key that is new here may stand for an account that has a history under another one.
    account_id = client.account().id if bound_id is None else bound_id
    with transaction(engine, account=account.key) as connection:
        return account_id, known_things(account_id, read_state(connection, account_id))


def read_load(engine: Engine, extracted: Extracted) -> Snapshot:
    """The snapshot that the kept answers of a load make: a pure reading, the same years later."""
    with transaction(engine, account=extracted.account_key) as connection:
        answers = read_answers(connection, extracted.account_id, extracted.observed_at, extracted.load_id)
    if not answers:
        raise DatabaseError(
            f"the answers of the load of {extracted.observed_at.isoformat()} are not kept any more.",
            account=extracted.account_key,
            advice="Load the account again from the beginning.",
        )
    return read_snapshot(answers, extracted.observed_at)


def publish_read(
    engine: Engine,
    extracted: Extracted,
    read: Callable[[], Snapshot],
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None,
) -> tuple[Loaded, Snapshot]:
    """Publish the snapshot that ``read`` gives, then purge what is too old, and let the wide view follow the fields."""
    origin = Origin(
        account_key=extracted.account_key,
        host=extracted.host,
        load_id=extracted.load_id,
        request_count=extracted.request_count,
        byte_count=extracted.byte_count,
        duration_seconds=extracted.duration_seconds,
        run_id=run_id,
    )
    with failure_noted(engine, extracted.account_key, started_at=extracted.observed_at, clock=clock, run_id=run_id):
        snapshot = read()
        published = publish_surely(engine, snapshot, origin, clock)
        purge(engine, extracted.account_key, extracted.account_id, settings, until=extracted.observed_at)
        follow_fields(engine, extracted.account_id, account=extracted.account_key)
    return Loaded(extracted=extracted, seen=seen_in(snapshot), published=published), snapshot


def purge(engine: Engine, account_key: str, account_id: int, settings: Settings, *, until: datetime) -> None:
    """Delete the account's raw answers that are too old at ``until``, when this load began.

    Never what began after it: another load may be about to publish that.
    """
    with transaction(engine, account=account_key) as connection:
        purge_answers(connection, account_id, until=until - timedelta(days=settings.raw_retention_days))


def publish_surely(engine: Engine, snapshot: Snapshot, origin: Origin, clock: Clock) -> Published:
    """Publish, and again when the connection was lost: even if COMMIT's answer was lost the snapshot is there once."""
    for wait in PUBLISH_WAITS:
        try:
            return publish(engine, snapshot, origin)
        except DatabaseUnavailable:
            clock.sleep(wait)
    return publish(engine, snapshot, origin)


@contextmanager
def failure_noted(
    engine: Engine, account_key: str, *, started_at: datetime, clock: Clock, run_id: str | None
) -> Iterator[None]:
    """Leave a row in ``amocrm.load_failure`` when a load fails, so that a gap in the history explains itself."""
    try:
        yield
    except WarehouseError as error:
        error.account = error.account or account_key
        try:
            with transaction(engine, account=account_key) as connection:
                connection.execute(
                    statement("insert_load_failure"),
                    {
                        "account_key": account_key,
                        "account_id": account_of_key(connection, account_key),
                        "started_at": started_at,
                        "failed_at": clock.now(),
                        "error": type(error).__name__,
                        "message": str(error),
                        "run_id": run_id,
                    },
                )
        except DatabaseError:
            pass  # the database itself is the trouble: the error below tells of it
        raise
