"""Asking an account for all that a load needs, and keeping the answers. What they show is published in ``load``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.extract import KnownEntities, extract, is_unchanged
from pipelines.amocrm.models import Json, RawResponse
from pipelines.base.clock import Clock, is_ahead, raise_if_ahead, raise_if_behind
from pipelines.base.errors import ApiError, DatabaseError, WrongAccount
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.blocked_hosts import blocks_recorded, raise_if_blocked
from pipelines.load.connection import endpoint_for
from pipelines.load.failure_record import failures_recorded
from pipelines.load.rate_limits import limits_for, rate_limiters_for
from pipelines.transform.diff import StoredState
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.raw import purge_responses, store_responses
from pipelines.warehouse.state import account_id_for_key, known_entities, read_stored_state
from pipelines.warehouse.unchanged import LatestSnapshot, read_latest


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReference:
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
class FetchResult:
    """What a load was answered. Where that is what ``newest`` was read from, it is neither read nor kept yet."""

    extracted: LoadReference
    responses: Sequence[RawResponse]
    latest: LatestSnapshot | None
    documents: Mapping[int, Json]  # the parsed bodies, by the answers' sequence numbers


def fetch_account(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None,
    may_skip: bool = False,
) -> FetchResult:
    """Ask the API for everything, and commit the answers as received.

    With ``may_skip`` answers that are those of the newest snapshot again are left to be published unread.
    """
    observed_at, load_id = clock.now(), uuid4()
    with (
        failures_recorded(engine, account.key, started_at=observed_at, clock=clock, run_id=run_id),
        open_client(account, settings, clock) as client,
        blocks_recorded(settings.data_dir, urlsplit(client.base_url).netloc, clock),
    ):
        latest = read_latest_snapshot(engine, account) if may_skip else None
        if latest:
            raise_if_behind(observed_at, latest.observed_at)
        account_id = latest.summary.account_id if latest else resolve_account_id(engine, account, client)
        try:
            if latest is None or not is_unchanged(client, latest.digests):
                latest = None
                state = read_open_state(engine, account, account_id)
                raise_if_behind(observed_at, state.observed_at)
                extract(client, known_entities(account_id, state))
        except WrongAccount:
            raise  # what another account says is not kept among this one's answers
        except ApiError as error:
            # The API's error is the one to tell.
            with suppress(DatabaseError), transaction(engine, account=account.key) as connection:
                store_responses(connection, account_id, observed_at, load_id, error.responses)
                if error.responses and not is_ahead(observed_at, client.host_date):
                    purge_expired(connection, account_id, settings, until=observed_at)
            raise
        raise_if_ahead(observed_at, client.host_date)
        responses = client.responses
        extracted = LoadReference(
            account_id=account_id,
            account_key=account.key,
            host=urlsplit(client.base_url).netloc,
            observed_at=observed_at,
            load_id=load_id,
            request_count=client.request_count,
            byte_count=sum(len(response.body) for response in responses),
            duration_seconds=(clock.now() - observed_at).total_seconds(),
        )
        if latest is None:
            store_fetched(engine, extracted, responses)
    return FetchResult(
        extracted=extracted,
        responses=responses,
        latest=latest,
        documents=client.documents,
    )


def open_client(account: AccountSettings, settings: Settings, clock: Clock) -> AmoClient:
    """A new conversation with the account, at the pace that the settings allow."""
    endpoint = endpoint_for(account, settings, clock)
    raise_if_blocked(settings.data_dir, urlsplit(endpoint.base_url).netloc, clock.now())
    return AmoClient(
        endpoint.base_url,
        endpoint.token,
        account_key=account.key,
        limits=limits_for(settings, endpoint.base_url),
        rate_limiters=rate_limiters_for(settings),
        clock=clock,
    )


def read_known_entities(engine: Engine, account: AccountSettings, client: AmoClient) -> tuple[int, KnownEntities]:
    """The account's id, and what the warehouse holds open of it, which a reading has to account for."""
    account_id = resolve_account_id(engine, account, client)
    return account_id, known_entities(account_id, read_open_state(engine, account, account_id))


def read_latest_snapshot(engine: Engine, account: AccountSettings) -> LatestSnapshot | None:
    """The account's newest snapshot, where a load that is answered the same need not be read."""
    with transaction(engine, account=account.key) as connection:
        return read_latest(connection, account.key)


def resolve_account_id(engine: Engine, account: AccountSettings, client: AmoClient) -> int:
    """The id of the account that the key is bound to, or of the one that answers where the key is new here."""
    with transaction(engine, account=account.key) as connection:
        bound_id = account_id_for_key(connection, account.key)
    # A key that is new here may stand for an account that has a history under another one.
    return client.fetch_account().id if bound_id is None else bound_id


def read_open_state(engine: Engine, account: AccountSettings, account_id: int) -> StoredState:
    """What the warehouse holds open of the account."""
    with transaction(engine, account=account.key) as connection:
        return read_stored_state(connection, account_id)


def store_fetched(engine: Engine, extracted: LoadReference, responses: Sequence[RawResponse]) -> None:
    """Commit the answers of a load as received."""
    with transaction(engine, account=extracted.account_key) as connection:
        store_responses(connection, extracted.account_id, extracted.observed_at, extracted.load_id, responses)


def purge_expired(connection: Connection, account_id: int, settings: Settings, *, until: datetime) -> None:
    """Delete the account's raw answers that are too old at ``until``, when this load began.

    Never what began after it: another load may be about to publish that.
    """
    purge_responses(connection, account_id, until=until - timedelta(days=settings.raw_retention_days))
