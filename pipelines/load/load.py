"""Load one account: fetch it from the API and publish its snapshot.

``load_account`` does both. ``extract_load`` and ``publish_load`` are the same in two steps, each of
which can be retried alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from pipelines.amocrm.models import RawResponse, Snapshot
from pipelines.amocrm.response_digest import digest_responses
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.clock import Clock
from pipelines.base.errors import DatabaseError, DatabaseUnavailable
from pipelines.load.context import LoadContext
from pipelines.load.failure_record import failures_recorded
from pipelines.load.fetch import FetchResult, LoadReference, fetch_account, purge_expired, store_fetched
from pipelines.transform.summary import SnapshotSummary, summarize
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.publish import LoadOrigin, PublishResult, publish
from pipelines.warehouse.raw import read_responses, store_responses
from pipelines.warehouse.unchanged import LatestSnapshot, republish, store_digests
from pipelines.warehouse.wide_views import update_wide_view

Result = TypeVar("Result")

PUBLISH_RETRY_WAITS: Final = (1.0, 4.0)
"""Seconds before each retry after a lost connection. Publishing is idempotent, so a retry is
safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedLoad:
    """A snapshot, and the responses that it was parsed from."""

    snapshot: Snapshot
    responses: Sequence[RawResponse]


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedLoad:
    """Result of a published load."""

    extracted: LoadReference
    summary: SnapshotSummary
    published: PublishResult


def load_account(context: LoadContext) -> PublishedLoad:
    """Fetch the account, publish its snapshot, and purge expired raw responses.

    If the responses equal those of the latest snapshot, that is republished without parsing. An
    error leaves the stored history as it was, is recorded in ``amocrm.load_failure``, and is
    re-raised.
    """
    fetched = fetch_account(context, may_skip=True)
    if fetched.latest is not None:
        loaded = publish_unchanged(context, fetched, fetched.latest)
        if loaded is not None:
            return loaded
        store_fetched(context, fetched.extracted, fetched.responses)
    return publish_parsed(context, fetched.extracted, partial(parse_quickly, fetched))[0]


def load_with_snapshot(context: LoadContext) -> tuple[PublishedLoad, Snapshot]:
    """Load the account like ``load_account``, and also return the complete snapshot."""
    fetched = fetch_account(context)
    return publish_parsed(context, fetched.extracted, partial(parse_all, fetched))


def extract_load(context: LoadContext) -> LoadReference:
    """Fetch the account and store its responses, as the first of two steps.

    Raises ``ApiError``, also if the responses cannot be parsed. The responses received until then
    are stored if the account's id is known.
    """
    fetched = fetch_account(context)
    with failures_recorded(context, fetched.extracted.observed_at):
        parse_quickly(fetched)
    return fetched.extracted


def publish_load(context: LoadContext, extracted: LoadReference) -> PublishedLoad:
    """Publish a load whose responses are stored, as the second of two steps. Idempotent."""

    def parse() -> ParsedLoad:
        responses = read_stored_responses(context, extracted)
        snapshot = parse_snapshot(responses, extracted.observed_at, is_quick=True)
        return ParsedLoad(snapshot=snapshot, responses=responses)

    return publish_parsed(context, extracted, parse)[0]


def parse_all(fetched: FetchResult) -> ParsedLoad:
    """Parse the responses, including every segment's row."""
    snapshot = parse_snapshot(fetched.responses, fetched.extracted.observed_at, documents=fetched.documents)
    return ParsedLoad(snapshot=snapshot, responses=fetched.responses)


def parse_quickly(fetched: FetchResult) -> ParsedLoad:
    """Parse the responses, with the quick reader for the segments that it accepts."""
    snapshot = parse_snapshot(
        fetched.responses, fetched.extracted.observed_at, documents=fetched.documents, is_quick=True
    )
    return ParsedLoad(snapshot=snapshot, responses=fetched.responses)


def read_stored_responses(context: LoadContext, extracted: LoadReference) -> Sequence[RawResponse]:
    """Read the stored responses of a load. Raises ``DatabaseError`` if they have been purged."""
    with transaction(context.engine, account=extracted.account_key) as connection:
        responses = read_responses(connection, extracted.account_id, extracted.observed_at, extracted.load_id)
    if not responses:
        raise DatabaseError(
            f"the responses of the load of {extracted.observed_at.isoformat()} have been purged.",
            account=extracted.account_key,
            advice="Load the account again from the beginning.",
        )
    return responses


def build_origin(extracted: LoadReference, run_id: str | None) -> LoadOrigin:
    """Build the columns of the ledger that describe the load instead of its snapshot."""
    return LoadOrigin(
        account_key=extracted.account_key,
        host=extracted.host,
        load_id=extracted.load_id,
        request_count=extracted.request_count,
        byte_count=extracted.byte_count,
        duration_seconds=extracted.duration_seconds,
        run_id=run_id,
    )


def publish_unchanged(context: LoadContext, fetched: FetchResult, latest: LatestSnapshot) -> PublishedLoad | None:
    """Republish ``latest`` as of this load, and store the load's responses, in one transaction.

    Returns None, with nothing written, if ``latest`` is no longer the latest snapshot.
    """
    load, settings = fetched.extracted, context.settings

    def publish_once() -> PublishResult | None:
        with transaction(context.engine, account=load.account_key) as connection:
            published = republish(connection, latest, build_origin(load, context.run_id), load.observed_at)
            if published is not None:
                if settings.raw_retention_days > 0:
                    store_responses(connection, load.account_id, load.observed_at, load.load_id, fetched.responses)
                purge_expired(connection, load.account_id, settings, until=load.observed_at)
        return published

    with failures_recorded(context, load.observed_at):
        context.before_publishing()
        published = with_retry(publish_once, context.clock)
    return None if published is None else PublishedLoad(extracted=load, summary=latest.summary, published=published)


def publish_parsed(
    context: LoadContext, extracted: LoadReference, parse: Callable[[], ParsedLoad]
) -> tuple[PublishedLoad, Snapshot]:
    """Publish the snapshot that ``parse`` returns, update the account's wide view, and purge expired responses.

    The digests that let the next load skip parsing are stored last, once all of that has succeeded.
    An error of Postgres after publishing does not fail the load.
    """
    with failures_recorded(context, extracted.observed_at):
        parsed = parse()
        context.before_publishing()
        origin = build_origin(extracted, context.run_id)
        publish_once = partial(publish, context.engine, parsed.snapshot, origin, has_key=context.settings.has_key)
        published = with_retry(publish_once, context.clock)
        # The snapshot is stored, so the load succeeded. Without digests the next load parses its
        # responses again and repeats these steps.
        with suppress(DatabaseError):
            with_retry(partial(follow_up, context, extracted, parsed), context.clock)
    return PublishedLoad(extracted=extracted, summary=summarize(parsed.snapshot), published=published), parsed.snapshot


def follow_up(context: LoadContext, extracted: LoadReference, parsed: ParsedLoad) -> None:
    """Update what depends on a published snapshot: wide view, digests, raw responses. Idempotent."""
    engine, account_id, account_key = context.engine, extracted.account_id, extracted.account_key
    is_view_current = update_wide_view(engine, account_id, account=account_key)
    with transaction(engine, account=account_key) as connection:
        digests = digest_responses(parsed.responses)
        if is_view_current and digests is not None:
            store_digests(connection, account_id, extracted.observed_at, digests)
        # Purge last, as publish_unchanged does: concurrent loads of an account take their locks in
        # one order.
        purge_expired(connection, account_id, context.settings, until=extracted.observed_at)


def with_retry(publish_once: Callable[[], Result], clock: Clock) -> Result:
    """Publish, and retry after a lost connection.

    Safe even if only the response to COMMIT was lost.
    """
    for wait in PUBLISH_RETRY_WAITS:
        try:
            return publish_once()
        except DatabaseUnavailable:
            clock.sleep(wait)
    return publish_once()
