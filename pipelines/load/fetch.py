"""Fetch everything that a load needs from one account, and store the raw responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import Connection

from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.extract import KnownEntities, extract, is_unchanged
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.models import Json, RawResponse
from pipelines.base.clock import is_ahead, raise_if_ahead, raise_if_behind
from pipelines.base.errors import ApiError, DatabaseError, WrongAccount
from pipelines.config.settings import Settings
from pipelines.load.access import endpoint_for
from pipelines.load.blocked_hosts import blocks_recorded, raise_if_blocked
from pipelines.load.context import LoadContext
from pipelines.load.failure_record import failures_recorded
from pipelines.load.rate_limits import limits_for, rate_limiters_for
from pipelines.probe.page_limits import probed_page_limits
from pipelines.transform.diff import StoredState
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.raw import purge_responses, store_responses
from pipelines.warehouse.state import account_id_for_key, known_entities, read_stored_state
from pipelines.warehouse.unchanged import LatestSnapshot, read_latest


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReference:
    """Reference to a load's stored responses, with the cost of the load."""

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
    """Responses of one load.

    ``latest`` is set if they equal those of the latest snapshot; they are then neither parsed nor
    stored yet.
    """

    extracted: LoadReference
    responses: Sequence[RawResponse]
    latest: LatestSnapshot | None
    documents: Mapping[int, Json]  # parsed bodies by sequence number


def fetch_account(context: LoadContext, *, may_skip: bool = False) -> FetchResult:
    """Fetch all data of the account, and commit the responses as received.

    With ``may_skip``, responses that equal those of the latest snapshot are not stored: the caller
    decides. Raises ``ApiError``; the responses received until then are stored if the account's id
    is known.
    """
    engine, settings = context.engine, context.settings
    observed_at, load_id = context.clock.now(), uuid4()
    with (
        failures_recorded(context, observed_at),
        open_client(context) as client,
        blocks_recorded(settings.data_dir, urlsplit(client.base_url).netloc, context.clock),
    ):
        latest, account_id, state = read_before_fetch(context, may_skip=may_skip)
        if latest:
            raise_if_behind(observed_at, latest.observed_at)
        if account_id is None:  # the account of a new key may have a history under another key
            account_id = client.fetch_account().id
        try:
            if latest is None or not is_unchanged(client, latest.digests):
                latest = None
                state = state or read_open_state(context, account_id)
                raise_if_behind(observed_at, state.observed_at)
                extract(client, known_entities(account_id, state))
        except WrongAccount:
            raise  # never store another account's responses under this one
        except ApiError as error:
            # A database error here must not hide the API's error.
            with suppress(DatabaseError), transaction(engine, account=context.account_key) as connection:
                store_responses(connection, account_id, observed_at, load_id, error.responses)
                if error.responses and not is_ahead(observed_at, client.host_date):
                    purge_expired(connection, account_id, settings, until=observed_at)
            raise
        raise_if_ahead(observed_at, client.host_date)
        responses = client.responses
        extracted = LoadReference(
            account_id=account_id,
            account_key=context.account_key,
            host=urlsplit(client.base_url).netloc,
            observed_at=observed_at,
            load_id=load_id,
            request_count=client.request_count,
            byte_count=sum(len(response.body) for response in responses),
            duration_seconds=(context.clock.now() - observed_at).total_seconds(),
        )
        if latest is None:
            store_fetched(context, extracted, responses)
    return FetchResult(extracted=extracted, responses=responses, latest=latest, documents=client.documents)


def open_client(context: LoadContext, limits: Limits | None = None, *, keeps_responses: bool = True) -> AmoClient:
    """Open an API client for the account, rate-limited by the settings, with other ``limits`` than a load's if given.

    Raises ``Blocked`` and ``SettingsError``.
    """
    settings, clock = context.settings, context.clock
    endpoint = endpoint_for(context.account, settings, clock)
    raise_if_blocked(settings.data_dir, urlsplit(endpoint.base_url).netloc, clock.now())
    page_limits = probed_page_limits(settings.data_dir, context.account_key)
    return AmoClient(
        endpoint.base_url,
        endpoint.token,
        account_key=context.account_key,
        limits=replace(limits_for(settings, endpoint.base_url, limits), page_limits=page_limits),
        rate_limiters=rate_limiters_for(settings),
        clock=clock,
        keeps_responses=keeps_responses,
    )


def read_known_entities(context: LoadContext, client: AmoClient) -> KnownEntities:
    """Read the ids of the account's stored entities, each of which a complete fetch must account for."""
    _, account_id, state = read_before_fetch(context, may_skip=False)
    if account_id is None:
        account_id = client.fetch_account().id
    return known_entities(account_id, state or read_open_state(context, account_id))


def read_before_fetch(
    context: LoadContext, *, may_skip: bool
) -> tuple[LatestSnapshot | None, int | None, StoredState | None]:
    """Read what a fetch needs to know, in one transaction.

    The latest snapshot if ``may_skip`` and if equal responses need not be parsed; the account that
    the key is bound to, None for a new key; and without the former, the account's open versions.
    """
    with transaction(context.engine, account=context.account_key) as connection:
        latest = read_latest(connection, context.account_key) if may_skip else None
        if latest:
            return latest, latest.summary.account_id, None
        account_id = account_id_for_key(connection, context.account_key)
        return None, account_id, None if account_id is None else read_stored_state(connection, account_id)


def read_open_state(context: LoadContext, account_id: int) -> StoredState:
    """Read the account's open versions."""
    with transaction(context.engine, account=context.account_key) as connection:
        return read_stored_state(connection, account_id)


def store_fetched(context: LoadContext, load: LoadReference, responses: Sequence[RawResponse]) -> None:
    """Commit the responses of a load as received."""
    with transaction(context.engine, account=load.account_key) as connection:
        store_responses(connection, load.account_id, load.observed_at, load.load_id, responses)


def purge_expired(connection: Connection, account_id: int, settings: Settings, *, until: datetime) -> None:
    """Delete the account's raw responses that had expired at ``until``, the start of this load.

    Later responses stay: a concurrent load may be about to publish them.
    """
    purge_responses(connection, account_id, until=until - timedelta(days=settings.raw_retention_days))
