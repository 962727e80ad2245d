"""The report, one file an account, written anew once a load has published a snapshot; in a run of its own."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from typing import Final

import dagster as dg

from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.partitions import ACCOUNTS
from assets.resources import WarehouseResource
from assets.specs import CODE_VERSION, OWNERS, SNAPSHOT, VIEWS_GROUP
from pipelines.config.settings import Settings
from pipelines.report.write import WrittenReport, write_report

REPORT: Final = dg.AssetKey("report")
SOURCE_VIEWS: Final = (
    "changes",
    "data_quality",
    "freshness",
    "gaps",
    "segment_jumps",
    "segment_movers",
    "segment_sizes_daily",
    "segment_trends",
    "stages",
)
"""Views that are read for it."""

AFTER_LOAD: Final = (
    dg.AutomationCondition.eager().allow(dg.AssetSelection.assets(SNAPSHOT)).with_label("a snapshot was published")
)
"""Once for each account whose snapshot is new, however many were published meanwhile, and when no load is under way."""


@dg.asset(
    key=REPORT,
    deps=[SNAPSHOT, *(dg.AssetKey([VIEWS_GROUP, view]) for view in SOURCE_VIEWS)],
    group_name="report",
    kinds={"html"},
    owners=list(OWNERS),
    code_version=CODE_VERSION,
    tags={"source": "amocrm"},
    partitions_def=ACCOUNTS,
    automation_condition=AFTER_LOAD,
    retry_policy=RETRY_POLICY,
    description="One HTML file per account: sizes over time, movers, what changed, gaps. It needs nothing else.",
)
def report(
    context: dg.AssetExecutionContext, workbench: dg.ResourceParam[WarehouseResource]
) -> dg.MaterializeResult[None]:
    """Write the account's report."""
    key = context.partition_key
    with errors_shown():
        written = write_report(
            workbench.engine,
            key,
            workbench.settings.report_file(key),
            now=workbench.clock.now(),
            is_simulated=is_simulated(workbench.settings, key),
        )
    return dg.MaterializeResult(metadata=report_metadata(written))


REPORT_SENSOR: Final = dg.AutomationConditionSensorDefinition(
    "keep_reports",
    target=dg.AssetSelection.assets(REPORT),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    emit_backfills=False,
    description="Write the report on each account that was loaded. Switched off, reports are written by hand or cron.",
)


def is_simulated(settings: Settings, key: str) -> bool:
    """Whether the account is the emulator's: amoCRM itself is never asked without TLS."""
    return any(account.key == key and account.base_url.startswith("http:") for account in settings.accounts)


def report_metadata(written: WrittenReport) -> dict[str, dg.MetadataValue | int]:
    """Where it is, and what it says first."""
    return {
        "headline": dg.MetadataValue.text(written.headline),
        "observed_at": dg.MetadataValue.timestamp(written.observed_at),
        "path": dg.MetadataValue.path(str(written.file.absolute())),
        "link": dg.MetadataValue.url(written.file.absolute().as_uri()),
        "bytes": written.byte_count,
    }
