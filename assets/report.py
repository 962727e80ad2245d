"""Report: one HTML file per account, rewritten in a separate run after a load has published a snapshot."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from typing import TYPE_CHECKING, Final

import dagster as dg

from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.partitions import ACCOUNTS, single_partition
from assets.resources import Warehouse
from assets.specs import CODE_VERSION, OWNERS, SNAPSHOT, VIEWS_GROUP
from pipelines.config.settings import Settings

if TYPE_CHECKING:
    from pipelines.report.write import WrittenReport

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
"""Views that the report reads."""

PUBLISHED_SNAPSHOT: Final = dg.AssetSelection.assets(SNAPSHOT)
AFTER_LOAD: Final = (
    dg.AutomationCondition.eager().allow(PUBLISHED_SNAPSHOT)
    # For accounts that were loaded before the sensor's first evaluation, such as the demo's.
    | (
        dg.AutomationCondition.missing().newly_true()
        & ~dg.AutomationCondition.any_deps_missing().allow(PUBLISHED_SNAPSHOT)
        & ~dg.AutomationCondition.in_progress()
    )
).with_label("a snapshot was published")
"""Write a report once per account with new snapshots, however many there are, and only while no load is active."""


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
    description="One self-contained HTML file per account: sizes over time, movers, changes, gaps.",
)
def report(context: dg.AssetExecutionContext, workbench: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult[None]:
    """Write the account's report and, if there are several accounts, the page that lists them."""
    from pipelines.report.accounts_page import write_accounts_page  # noqa: PLC0415 - loads need none of its modules
    from pipelines.report.write import write_report  # noqa: PLC0415

    with errors_shown():
        key = single_partition(context)
        written = write_report(
            workbench.engine,
            key,
            workbench.settings.report_file(key),
            now=workbench.clock.now(),
            is_simulated=is_simulated(workbench.settings, key),
            language=workbench.settings.account_language(key),
        )
        if len(workbench.settings.all_accounts) > 1:
            write_accounts_page(workbench.engine, workbench.settings, now=workbench.clock.now())
    return dg.MaterializeResult(metadata=report_metadata(written))


REPORT_SENSOR: Final = dg.AutomationConditionSensorDefinition(
    "keep_reports",
    target=dg.AssetSelection.assets(REPORT),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    emit_backfills=False,
    description="Write the report of each account that was loaded. If this is off, write reports by hand or from cron.",
)


def is_simulated(settings: Settings, key: str) -> bool:
    """Return True if the account is an emulator's: only those are reached without TLS."""
    return any(account.key == key and account.base_url.startswith("http:") for account in settings.accounts)


def report_metadata(written: "WrittenReport") -> dict[str, dg.MetadataValue | int]:
    """Return the report's location and headline. No link: browsers do not open files from a website."""
    return {
        "headline": dg.MetadataValue.text(written.headline),
        "observed_at": dg.MetadataValue.timestamp(written.observed_at),
        "path": dg.MetadataValue.path(str(written.file.absolute())),
        "bytes": written.byte_count,
    }
