"""The tables of the history. One transaction writes them all, so one step does, and every load confirms every table."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator

import dagster as dg

from assets import checks
from assets.failures import RETRIES, told_to_dagster
from assets.partitions import ACCOUNTS
from assets.resources import Workbench
from assets.specs import PUBLISHED, RAW_ANSWER, SNAPSHOT
from pipelines.ask import Extracted
from pipelines.load import Loaded, publish_load


@dg.multi_asset(
    name="publish",
    specs=PUBLISHED,
    ins={"extracted": dg.AssetIn(RAW_ANSWER, input_manager_key="hand_over")},
    check_specs=[checks.LIMITS, checks.ODDITIES],
    partitions_def=ACCOUNTS,
    can_subset=False,
    retry_policy=RETRIES,
    description="Publish the snapshot that the kept answers make: all of it in one transaction, or nothing.",
)
def history(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Workbench], extracted: Extracted
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Publish what was asked, and note what it changed in each table."""
    with told_to_dagster():
        loaded = publish_load(
            workbench.engine, extracted, workbench.settings, clock=workbench.clock, run_id=context.run.run_id
        )
    for spec in PUBLISHED:
        yield dg.MaterializeResult(asset_key=spec.key, metadata=what_changed(spec.key, loaded))
    yield checks.below_limits(loaded.seen)
    yield checks.as_documented(loaded.seen.oddities)


def what_changed(key: dg.AssetKey, loaded: Loaded) -> dict[str, int | str | dg.TimestampMetadataValue]:
    """What the load did to a table; the ledger's asset tells of the load as a whole."""
    published = loaded.published
    rows = published.row_counts or {}
    told: dict[str, int | str | dg.TimestampMetadataValue] = {
        "rows_written": rows.get(key.path[-1], 0),
        "observed_at": dg.MetadataValue.timestamp(published.observed_at),
    }
    if key != SNAPSHOT:
        return told
    return told | {
        "customers_mode": loaded.seen.mode,
        "stages": loaded.seen.stage_count,
        "segments": loaded.seen.segment_count,
        "fields": loaded.seen.field_count,
        "versions_opened": published.opened_count,
        "versions_closed": published.closed_count,
        "sizes_changed": published.size_change_count,
        "requests": loaded.extracted.request_count,
        "load_id": str(loaded.extracted.load_id),
    }
