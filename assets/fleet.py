"""A fleet's buckets as Dagster shows them: a run and an event each, whatever the number of accounts.

Each account's outcome is in ``analytics.load_outcomes``; one account alone is loaded by the job ``load_account``.
"""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

import dagster as dg

from assets.dagster_internals import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from assets.failures import ADVICE, ERROR, told_to_dagster
from assets.on_their_way import LOAD_FLEET, loads_on_their_way
from assets.resources import Workbench
from assets.small_tables import small_table
from assets.specs import OWNERS, SNAPSHOT
from pipelines.buckets import Bucket, buckets
from pipelines.fleet import load_fleet
from pipelines.fleet_words import MOST_CAUSES, headline
from pipelines.outcome import Outcome, causes_of
from pipelines.warehouse.outcomes import loaded_in_runs
from pipelines.wording import clean, listed

BUCKETS: Final = dg.DynamicPartitionsDefinition(name="fleet_buckets")
"""One partition per bucket of accounts, such as 'bucket 03 of 16'."""

FLEET: Final = dg.AssetSpec(
    dg.AssetKey(["amocrm", "fleet"]),
    description=(
        "Accounts that are loaded many at a time: a partition is a bucket of them, and its newest event says how many "
        "were loaded, which were not, and why. It writes the tables of the group history as load_account does."
    ),
    group_name="fleet",
    owners=list(OWNERS),
    kinds={"api", "postgres"},
    tags={"source": "amocrm"},
    partitions_def=BUCKETS,
)

AGAIN_AFTER: Final = 60.0
"""Seconds after which an account with a passing trouble is tried once more, when all others had their turn."""

BETWEEN_LINES: Final = 30.0
"""Seconds between two lines of a run's log: each is an event that is kept."""

MOST_NAMED: Final = 20
"""Accounts of one cause that an alert names."""


@dg.op(description="Load the accounts of a bucket side by side, each in a transaction of its own.")
def load_bucket(
    context: dg.OpExecutionContext, workbench: dg.ResourceParam[Workbench]
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Load them, tell of all of them at once, and fail where some of them failed."""
    began = time.monotonic()
    with told_to_dagster():
        bucket, settings = Bucket.of_key(context.partition_key), workbench.settings
        spared = loads_on_their_way(context.instance).keys() | loaded_before(context, workbench)
        accounts = [one for one in bucket.accounts(settings.all_accounts) if one.key not in spared]
        with closing(
            load_fleet(
                workbench.engine,
                accounts,
                settings,
                threads=settings.threads,
                clock=workbench.clock,
                run_id=context.run.run_id,
                again_after=AGAIN_AFTER,
            )
        ) as fleet:
            outcomes = list(followed(fleet, len(accounts), context.log))
    for untold in sorted({outcome.untold for outcome in outcomes if outcome.untold}):
        context.log.warning(untold)
    said = headline(outcomes, seconds=time.monotonic() - began)
    yield dg.AssetMaterialization(FLEET.key, description=said, partition=bucket.key, metadata=what_became_of(outcomes))
    if any(outcome.loaded for outcome in outcomes):
        # Of no partition: the ledger was written to, by more accounts than there should be events.
        yield dg.AssetMaterialization(SNAPSHOT, description=f"{bucket.key}: {said}")
    if causes_of(outcomes):
        raise not_all_loaded(outcomes)
    yield dg.Output(None)


@dg.job(
    name=LOAD_FLEET,
    partitions_def=BUCKETS,
    executor_def=dg.in_process_executor,
    description="Load the accounts of one bucket, many at a time. The schedule does so where there are many accounts.",
)
def load_bucket_job() -> None:
    """One bucket's run."""
    load_bucket()


def loaded_before(context: dg.OpExecutionContext, workbench: Workbench) -> frozenset[str]:
    """Accounts that the run has loaded before it was killed or failed, if it is one that is executed again."""
    earlier = [context.run.tags[tag] for tag in (ROOT_RUN_ID_TAG, PARENT_RUN_ID_TAG) if tag in context.run.tags]
    if not earlier:
        return frozenset()
    begun = [one.create_timestamp for one in context.instance.get_run_records(dg.RunsFilter(run_ids=earlier))]
    return loaded_in_runs(workbench.engine, earlier, since=min(begun)) if begun else frozenset()


def register_buckets(instance: dg.DagsterInstance, count: int) -> list[str]:
    """Make the buckets known to Dagster, and forget those of another number of buckets; their keys."""
    keys = [bucket.key for bucket in buckets(count)]
    known = set(instance.get_dynamic_partitions("fleet_buckets"))
    for other in known - set(keys):
        instance.delete_dynamic_partition("fleet_buckets", other)
    if new := [key for key in keys if key not in known]:
        instance.add_dynamic_partitions("fleet_buckets", new)
    return keys


def followed(fleet: Iterator[Outcome], total: int, log: logging.Logger) -> Iterator[Outcome]:
    """The outcomes, with a line now and then."""
    told_at = time.monotonic()
    for count, outcome in enumerate(fleet, 1):
        yield outcome
        if time.monotonic() - told_at >= BETWEEN_LINES:
            told_at = time.monotonic()
            log.info("%d of %d accounts", count, total)


def what_became_of(outcomes: Sequence[Outcome]) -> dict[str, dg.MetadataValue | int]:
    """The bucket in numbers, and the accounts that were not loaded."""
    counts = {
        status: sum(outcome.status == status for outcome in outcomes)
        for status in ("loaded", "superseded", "failed", "skipped")
    }
    loads = [outcome.loaded for outcome in outcomes if outcome.loaded]
    return {
        **counts,
        "requests": sum(load.extracted.request_count for load in loads),
        "sizes_changed": sum(load.published.size_change_count for load in loads),
        "versions_opened": sum(load.published.opened_count for load in loads),
        "versions_closed": sum(load.published.closed_count for load in loads),
        "not_loaded": small_table(
            ("account", "error", "what happened", "what to do"),
            (
                (key, cause.error, clean(cause.message, 300), cause.advice)
                for cause in causes_of(outcomes)
                for key in cause.account_keys
            ),
        ),
    }


def not_all_loaded(outcomes: Sequence[Outcome]) -> dg.Failure:
    """The end of a run some of whose accounts failed: one alert tells of all of them."""
    causes = causes_of(outcomes)
    missing = sum(len(cause.account_keys) for cause in causes)
    told = "; ".join(
        f"{listed(cause.account_keys, MOST_NAMED)}: {cause.error}, {cause.message}" for cause in causes[:MOST_CAUSES]
    )
    told += f"; and {left} causes more" if (left := len(causes) - MOST_CAUSES) > 0 else ""
    advice = " ".join(dict.fromkeys(f"{cause.error}: {cause.advice}" for cause in causes if cause.advice))
    return dg.Failure(
        f"{missing} of {len(outcomes)} accounts were not loaded. {told}",
        {ERROR: ", ".join(dict.fromkeys(cause.error for cause in causes)), ADVICE: advice},
        allow_retries=False,  # the others are loaded, and these have been tried again
    )
