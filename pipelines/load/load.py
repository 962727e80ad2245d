"""One load of one account, from the API to a published snapshot, in two steps that can be run apart and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Engine

from pipelines.amocrm.models import RawResponse, Snapshot
from pipelines.amocrm.response_digest import digest_responses
from pipelines.amocrm.row_cache import RowCache
from pipelines.amocrm.snapshot import parse_snapshot, parse_snapshot_with_cache
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import DatabaseError, DatabaseUnavailable
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.failure_record import failures_recorded
from pipelines.load.fetch import FetchResult, LoadReference, fetch_account, purge_expired, store_fetched
from pipelines.transform.summary import SnapshotSummary, summarize
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.publish import LoadOrigin, PublishResult, publish
from pipelines.warehouse.raw import read_responses, store_responses
from pipelines.warehouse.row_cache import read_row_cache, write_row_cache
from pipelines.warehouse.unchanged import LatestSnapshot, republish, store_digests
from pipelines.warehouse.wide_views import update_wide_view

Result = TypeVar("Result")

PUBLISH_RETRY_WAITS: Final = (1.0, 4.0)
"""Seconds before publishing again after the connection was lost, which is safe: publishing twice changes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedLoad:
    """A snapshot, and the answers that it was read from."""

    snapshot: Snapshot
    responses: Sequence[RawResponse]
    cache: RowCache | None = None  # what the next load may recall, where that is not what this one did


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedLoad:
    """A load that was published: what it saw, and what publishing it changed."""

    extracted: LoadReference
    summary: SnapshotSummary
    published: PublishResult


def load_account(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> PublishedLoad:
    """Ask the API, publish what it said, purge raw answers that are too old.

    A failure of any kind leaves what is stored as it was, is noted in ``amocrm.load_failure``, and is raised.
    """
    fetched = fetch_account(engine, account, settings, clock=clock, run_id=run_id, may_skip=True)
    if fetched.latest is not None:
        loaded = publish_unchanged(engine, fetched, fetched.latest, settings, clock=clock, run_id=run_id)
        if loaded is not None:
            return loaded
        store_fetched(engine, fetched.extracted, fetched.responses)
    read = partial(parse_with_cache, engine, fetched)
    return publish_parsed(engine, fetched.extracted, read, settings, clock=clock, run_id=run_id)[0]


def load_with_snapshot(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> tuple[PublishedLoad, Snapshot]:
    """The same, for those who go on with the snapshot itself."""
    fetched = fetch_account(engine, account, settings, clock=clock, run_id=run_id)
    return publish_parsed(engine, fetched.extracted, partial(parse_all, fetched), settings, clock=clock, run_id=run_id)


def extract_load(
    engine: Engine,
    account: AccountSettings,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> LoadReference:
    """The first step alone: ask the API for all it says of the account now, and keep its answers in Postgres.

    Raises ``ApiError``, also where the answers cannot be read; what had been answered until then is kept too, where the
    account is known.
    """
    fetched = fetch_account(engine, account, settings, clock=clock, run_id=run_id)
    with failures_recorded(engine, account.key, started_at=fetched.extracted.observed_at, clock=clock, run_id=run_id):
        parse_all(fetched)
    return fetched.extracted


def publish_load(
    engine: Engine,
    extracted: LoadReference,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
) -> PublishedLoad:
    """The second step alone: publish a load whose answers are kept; doing it again changes nothing."""

    def read() -> ParsedLoad:
        responses = read_stored_responses(engine, extracted)
        return ParsedLoad(snapshot=parse_snapshot(responses, extracted.observed_at), responses=responses)

    return publish_parsed(engine, extracted, read, settings, clock=clock, run_id=run_id)[0]


def parse_all(fetched: FetchResult) -> ParsedLoad:
    """The snapshot that answers make, every segment read."""
    snapshot = parse_snapshot(fetched.responses, fetched.extracted.observed_at, documents=fetched.documents)
    return ParsedLoad(snapshot=snapshot, responses=fetched.responses)


def parse_with_cache(engine: Engine, fetched: FetchResult) -> ParsedLoad:
    """The same, but segments whose rows were read before are left unread."""
    with transaction(engine, account=fetched.extracted.account_key) as connection:
        stored_cache = read_row_cache(connection, fetched.extracted.account_id)
    snapshot, cache = parse_snapshot_with_cache(
        fetched.responses, fetched.extracted.observed_at, stored_cache, documents=fetched.documents
    )
    return ParsedLoad(snapshot=snapshot, responses=fetched.responses, cache=cache if cache != stored_cache else None)


def read_stored_responses(engine: Engine, extracted: LoadReference) -> Sequence[RawResponse]:
    """The answers of a load as they were kept. Raises ``DatabaseError`` where they are not there any more."""
    with transaction(engine, account=extracted.account_key) as connection:
        responses = read_responses(connection, extracted.account_id, extracted.observed_at, extracted.load_id)
    if not responses:
        raise DatabaseError(
            f"the answers of the load of {extracted.observed_at.isoformat()} are not kept any more.",
            account=extracted.account_key,
            advice="Load the account again from the beginning.",
        )
    return responses


def build_origin(extracted: LoadReference, run_id: str | None) -> LoadOrigin:
    """What the ledger says of a load beside its snapshot."""
    return LoadOrigin(
        account_key=extracted.account_key,
        host=extracted.host,
        load_id=extracted.load_id,
        request_count=extracted.request_count,
        byte_count=extracted.byte_count,
        duration_seconds=extracted.duration_seconds,
        run_id=run_id,
    )


def publish_unchanged(
    engine: Engine,
    fetched: FetchResult,
    latest: LatestSnapshot,
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None,
) -> PublishedLoad | None:
    """Publish ``newest`` once more, which the account has just said again, and keep the answers.

    Nothing is read, and all is one transaction. None, with nothing written, where another snapshot is the newest now.
    """
    extracted = fetched.extracted

    def publish_once() -> PublishResult | None:
        with transaction(engine, account=extracted.account_key) as connection:
            published = republish(connection, latest, build_origin(extracted, run_id), extracted.observed_at)
            if published is not None:
                if settings.raw_retention_days > 0:
                    store_responses(
                        connection, extracted.account_id, extracted.observed_at, extracted.load_id, fetched.responses
                    )
                purge_expired(connection, extracted.account_id, settings, until=extracted.observed_at)
        return published

    with failures_recorded(engine, extracted.account_key, started_at=extracted.observed_at, clock=clock, run_id=run_id):
        published = with_retry(publish_once, clock)
    return (
        None if published is None else PublishedLoad(extracted=extracted, summary=latest.summary, published=published)
    )


def publish_parsed(
    engine: Engine,
    extracted: LoadReference,
    read: Callable[[], ParsedLoad],
    settings: Settings,
    *,
    clock: Clock,
    run_id: str | None,
) -> tuple[PublishedLoad, Snapshot]:
    """Publish the snapshot that ``read`` gives, let the wide view follow the fields, and purge what is too old.

    Only when all that is done the answers are remembered as those that the next load need not read again.
    """
    account_id, account_key = extracted.account_id, extracted.account_key
    with failures_recorded(engine, account_key, started_at=extracted.observed_at, clock=clock, run_id=run_id):
        parsed = read()
        origin = build_origin(extracted, run_id)
        published = with_retry(partial(publish, engine, parsed.snapshot, origin, has_key=settings.has_key), clock)
        is_view_current = update_wide_view(engine, account_id, account=account_key)
        with transaction(engine, account=account_key) as connection:
            if parsed.cache is not None:
                write_row_cache(connection, account_id, parsed.cache)
            digests = digest_responses(parsed.responses)
            if is_view_current and digests is not None:
                store_digests(connection, account_id, extracted.observed_at, digests)
            # Last, as where a load is published unread: two loads of an account that lock the same do it in one order.
            purge_expired(connection, account_id, settings, until=extracted.observed_at)
    return PublishedLoad(extracted=extracted, summary=summarize(parsed.snapshot), published=published), parsed.snapshot


def with_retry(publish_once: Callable[[], Result], clock: Clock) -> Result:
    """Publish, and again when the connection was lost: even if COMMIT's answer was lost the snapshot is there once."""
    for wait in PUBLISH_RETRY_WAITS:
        try:
            return publish_once()
        except DatabaseUnavailable:
            clock.sleep(wait)
    return publish_once()
