"""History tables. One transaction writes all of them, so one step does.

The step materializes the ledger and the anomalies, which have checks, and records what it wrote to the other tables.
"""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator
from typing import Final

import dagster as dg

from assets import checks
from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.partitions import ACCOUNTS, single_partition
from assets.resources import Warehouse
from assets.specs import PUBLISHED, QUALITY_EVENT, RAW_ANSWER, SNAPSHOT
from pipelines.load.fetch import LoadReference
from pipelines.load.load import PublishedLoad, publish_load

CHECKED: Final = tuple(spec for spec in PUBLISHED if spec.key in (QUALITY_EVENT, SNAPSHOT))
RECORDED_TABLES: Final = tuple(spec for spec in PUBLISHED if spec not in CHECKED)
"""Tables that the step writes too. Assets without a step, because they cannot be written alone."""


@dg.multi_asset(
    name="publish",
    specs=CHECKED,
    ins={"extracted": dg.AssetIn(RAW_ANSWER, input_manager_key="hand_over")},
    check_specs=[checks.LIMITS, checks.ANOMALIES],
    partitions_def=ACCOUNTS,
    can_subset=False,
    retry_policy=RETRY_POLICY,
    description="Publish the snapshot in the stored responses, in one transaction.",
)
def history_tables(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Warehouse], extracted: LoadReference
) -> Iterator[dg.AssetCheckResult | dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """Publish the fetched snapshot and report the changes of each table."""
    with errors_shown():
        account = workbench.settings.any_account(single_partition(context))
        loaded = publish_load(workbench.load_context(account, context.run.run_id), extracted)
    for spec in RECORDED_TABLES:
        yield dg.AssetMaterialization(spec.key, partition=account.key, metadata=load_metadata(spec.key, loaded))
    for spec in CHECKED:
        yield dg.MaterializeResult(asset_key=spec.key, metadata=load_metadata(spec.key, loaded))
    yield checks.check_documented_limits(loaded.summary)
    yield checks.check_anomalies(loaded.summary.anomalies)


def load_metadata(key: dg.AssetKey, loaded: PublishedLoad) -> dict[str, int | str | dg.TimestampMetadataValue]:
    """Return the load's metadata of one table; the ledger's asset also gets those of the whole load."""
    published = loaded.published
    metadata: dict[str, int | str | dg.TimestampMetadataValue] = {
        "observed_at": dg.MetadataValue.timestamp(published.observed_at),
    }
    if published.row_counts is not None:  # otherwise an earlier attempt wrote them
        metadata["rows_written"] = published.row_counts.get(key.path[-1], 0)
    if key != SNAPSHOT:
        return metadata
    return metadata | {
        "customers_mode": loaded.summary.mode,
        "stages": loaded.summary.stage_count,
        "segments": loaded.summary.segment_count,
        "fields": loaded.summary.field_count,
        "versions_opened": published.opened_count,
        "versions_closed": published.closed_count,
        "sizes_changed": published.size_change_count,
        "requests": loaded.extracted.request_count,
        "load_id": str(loaded.extracted.load_id),
    }
