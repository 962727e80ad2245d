"""Asking an account for all that a load needs, and keeping the answers. What they show is published in ``load``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from pipelines.access import way_to
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.conversation import Clocks
from pipelines.amocrm.extract import Known, extract, is_said_again
from pipelines.amocrm.records import Json, RawAnswer
from pipelines.blocks import block_noted, refuse_blocked
from pipelines.clock import Clock, is_ahead, refuse_future, refuse_past
from pipelines.errors import ApiError, DatabaseError, WrongAccount
from pipelines.failure_note import failure_noted
from pipelines.pace import gates_of, limits_of
from pipelines.settings import AccountSettings, Settings
from pipelines.tables.decide import StoredState
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.newest import Newest, read_newest
from pipelines.warehouse.raw import keep_answers, purge_answers
from pipelines.warehouse.state import account_of_key, known_things, read_state


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
class Asked:
    """What a load was answered. Where that is what ``newest`` was read from, it is neither read nor kept yet."""

    extracted: Extracted
    answers: Sequence[RawAnswer]
    newest: Newest | None
    documents: Mapping[int, Json]  # the parsed bodies, by the answers' sequence numbers


def ask(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None,
    may_skip: bool = False,
) -> Asked:
    """Ask the API for everything, and commit the answers as received.

    With ``may_skip`` answers that are those of the newest snapshot again are left to be published unread.
    """
    observed_at, load_id = clock.now(), uuid4()
    with (
        failure_noted(engine, account.key, started_at=observed_at, clock=clock, run_id=run_id),
        open_client(account, settings, clock) as client,
        block_noted(settings.data_dir, urlsplit(client.base_url).netloc, clock),
    ):
        newest = what_is_newest(engine, account) if may_skip else None
        if newest:
            refuse_past(observed_at, newest.observed_at)
        account_id = newest.seen.account_id if newest else what_is_bound(engine, account, client)
        try:
            if newest is None or not is_said_again(client, newest.said):
                newest = None
                state = what_is_open(engine, account, account_id)
                refuse_past(observed_at, state.observed_at)
                extract(client, known_things(account_id, state), now=lambda: observed_at)
        except WrongAccount:
            raise  # what another account says is not kept among this one's answers
        except ApiError as error:
            # The API's error is the one to tell.
            with suppress(DatabaseError), transaction(engine, account=account.key) as connection:
                keep_answers(connection, account_id, observed_at, load_id, error.answers)
                if error.answers and not is_ahead(observed_at, client.host_date):
                    purge(connection, account_id, settings, until=observed_at)
            raise
        refuse_future(observed_at, client.host_date)
        answers = client.answers
        extracted = Extracted(
            account_id=account_id,
            account_key=account.key,
            host=urlsplit(client.base_url).netloc,
            observed_at=observed_at,
            load_id=load_id,
            request_count=client.request_count,
            byte_count=sum(len(answer.body) for answer in answers),
            duration_seconds=(clock.now() - observed_at).total_seconds(),
        )
        if newest is None:
            keep(engine, extracted, answers)
    return Asked(
        extracted=extracted,
        answers=answers,
        newest=newest,
        documents=client.documents,
    )


def open_client(account: AccountSettings, settings: Settings, clock: Clock) -> AmoClient:
    """A new conversation with the account, at the pace that the settings allow."""
    way = way_to(account, settings, clock)
    refuse_blocked(settings.data_dir, urlsplit(way.base_url).netloc, clock.now())
    return AmoClient(
        way.base_url,
        way.token,
        account_key=account.key,
        limits=limits_of(settings, way.base_url),
        gates=gates_of(settings),
        clocks=Clocks(now=clock.now, sleep=clock.sleep),
    )


def what_is_known(engine: Engine, account: AccountSettings, client: AmoClient) -> tuple[int, Known]:
    """The account's id, and what the warehouse holds open of it, which a reading has to account for."""
    account_id = what_is_bound(engine, account, client)
    return account_id, known_things(account_id, what_is_open(engine, account, account_id))


def what_is_newest(engine: Engine, account: AccountSettings) -> Newest | None:
    """The account's newest snapshot, where a load that is answered the same need not be read."""
    with transaction(engine, account=account.key) as connection:
        return read_newest(connection, account.key)


def what_is_bound(engine: Engine, account: AccountSettings, client: AmoClient) -> int:
    """The id of the account that the key is bound to, or of the one that answers where the key is new here."""
    with transaction(engine, account=account.key) as connection:
        bound_id = account_of_key(connection, account.key)
    # A key that is new here may stand for an account that has a history under another one.
    return client.account().id if bound_id is None else bound_id


def what_is_open(engine: Engine, account: AccountSettings, account_id: int) -> StoredState:
    """What the warehouse holds open of the account."""
    with transaction(engine, account=account.key) as connection:
        return read_state(connection, account_id)


def keep(engine: Engine, extracted: Extracted, answers: Sequence[RawAnswer]) -> None:
    """Commit the answers of a load as received."""
    with transaction(engine, account=extracted.account_key) as connection:
        keep_answers(connection, extracted.account_id, extracted.observed_at, extracted.load_id, answers)


def purge(connection: Connection, account_id: int, settings: Settings, *, until: datetime) -> None:
    """Delete the account's raw answers that are too old at ``until``, when this load began.

    Never what began after it: another load may be about to publish that.
    """
    purge_answers(connection, account_id, until=until - timedelta(days=settings.raw_retention_days))
