"""Fleet: accounts loaded in buckets, with one run and one event per bucket, however many accounts it has.

The outcome of each account is in ``analytics.load_outcomes``.
"""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

import dagster as dg

from assets.active_runs import active_loads
from assets.dagster_errors import ADVICE_KEY, ERROR_KEY, errors_shown
from assets.dagster_internals import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from assets.metadata_tables import small_table
from assets.resources import Warehouse
from assets.specs import OWNERS, SNAPSHOT
from pipelines.alerts.load_outcomes import read_keys_loaded_in_runs
from pipelines.base.text import to_single_line
from pipelines.load.buckets import Bucket, all_buckets
from pipelines.load.fleet import load_fleet
from pipelines.load.fleet_summary import describe_failures, format_headline
from pipelines.load.result import LoadResult, group_failures

BUCKETS: Final = dg.DynamicPartitionsDefinition(name="fleet_buckets")
"""One partition per bucket, such as 'bucket 03 of 16'."""

FLEET: Final = dg.AssetSpec(
    dg.AssetKey(["amocrm", "fleet"]),
    description=(
        "Accounts that are loaded in buckets: one partition per bucket, whose latest event says how many accounts were "
        "loaded, which were not, and why. A bucket's run writes the tables of the group history as load_account does."
    ),
    group_name="fleet",
    owners=list(OWNERS),
    kinds={"api", "postgres"},
    tags={"source": "amocrm"},
    partitions_def=BUCKETS,
)

RETRY_DELAY_SECONDS: Final = 60.0
"""Wait before accounts with a transient error are retried once, after all others were loaded."""

LOG_INTERVAL_SECONDS: Final = 30.0
"""Interval between progress lines in a run's log; each line is a stored event."""


@dg.op(name="load_bucket", description="Load the accounts of a bucket in parallel, each in its own transaction.")
def load_bucket(
    context: dg.OpExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Load the bucket's accounts, report all of them in one event, and fail if any of them failed."""
    started_at = time.monotonic()
    with errors_shown():
        bucket, settings = Bucket.from_key(context.partition_key), workbench.settings
        skipped_keys = active_loads(context.instance).keys() | already_loaded(context, workbench)
        accounts = [one for one in bucket.accounts(settings.all_accounts) if one.key not in skipped_keys]
        with closing(
            load_fleet(
                workbench.engine,
                accounts,
                settings,
                threads=settings.threads,
                clock=workbench.clock,
                run_id=context.run.run_id,
                retry_after=RETRY_DELAY_SECONDS,
            )
        ) as fleet:
            results = list(log_progress(fleet, len(accounts), context.log))
    for alert_error in sorted({result.alert_error for result in results if result.alert_error}):
        context.log.warning(alert_error)
    summary = format_headline(results, seconds=time.monotonic() - started_at)
    yield dg.AssetMaterialization(
        FLEET.key, description=summary, partition=bucket.key, metadata=bucket_metadata(results)
    )
    if any(result.loaded for result in results):
        # Without a partition: one event for the ledger instead of one per account.
        yield dg.AssetMaterialization(SNAPSHOT, description=f"{bucket.key}: {summary}")
    if group_failures(results):
        raise fleet_failure(results)
    yield dg.Output(None)


def already_loaded(context: dg.OpExecutionContext, workbench: Warehouse) -> frozenset[str]:
    """Return the accounts that earlier attempts at this run loaded before they failed or were killed."""
    earlier = [context.run.tags[tag] for tag in (ROOT_RUN_ID_TAG, PARENT_RUN_ID_TAG) if tag in context.run.tags]
    if not earlier:
        return frozenset()
    created = [one.create_timestamp for one in context.instance.get_run_records(dg.RunsFilter(run_ids=earlier))]
    return read_keys_loaded_in_runs(workbench.engine, earlier, since=min(created)) if created else frozenset()


def register_buckets(instance: dg.DagsterInstance, count: int) -> list[str]:
    """Register the buckets as partitions, remove those of another bucket count, and return their keys."""
    keys = [bucket.key for bucket in all_buckets(count)]
    known = set(instance.get_dynamic_partitions("fleet_buckets"))
    for other in known - set(keys):
        instance.delete_dynamic_partition("fleet_buckets", other)
    if new := [key for key in keys if key not in known]:
        instance.add_dynamic_partitions("fleet_buckets", new)
    return keys


def log_progress(fleet: Iterator[LoadResult], total: int, log: logging.Logger) -> Iterator[LoadResult]:
    """Yield the results and log the progress every ``LOG_INTERVAL_SECONDS``."""
    logged_at = time.monotonic()
    for count, result in enumerate(fleet, 1):
        yield result
        if time.monotonic() - logged_at >= LOG_INTERVAL_SECONDS:
            logged_at = time.monotonic()
            log.info("%d of %d accounts", count, total)


def bucket_metadata(results: Sequence[LoadResult]) -> dict[str, dg.MetadataValue | int]:
    """Return the bucket's counts and a table of the accounts that were not loaded."""
    counts = {
        status: sum(result.status == status for result in results)
        for status in ("loaded", "superseded", "failed", "skipped")
    }
    loads = [result.loaded for result in results if result.loaded]
    return {
        **counts,
        "requests": sum(load.extracted.request_count for load in loads),
        "sizes_changed": sum(load.published.size_change_count for load in loads),
        "versions_opened": sum(load.published.opened_count for load in loads),
        "versions_closed": sum(load.published.closed_count for load in loads),
        "not_loaded": small_table(
            ("account", "error", "what happened", "what to do"),
            (
                (key, cause.error, to_single_line(cause.message, 300), cause.advice)
                for cause in group_failures(results)
                for key in cause.account_keys
            ),
        ),
    }


def fleet_failure(results: Sequence[LoadResult]) -> dg.Failure:
    """Build the failure of a run in which accounts failed, so that one alert covers all of them."""
    failures = describe_failures(results)
    return dg.Failure(
        failures.message,
        {ERROR_KEY: failures.error, ADVICE_KEY: failures.advice},
        allow_retries=False,  # these accounts were retried already
    )
