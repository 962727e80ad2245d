"""Scans of customers: one run scans all accounts that are due, one after another."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from collections.abc import Iterator
from typing import Final

import dagster as dg

from assets import names
from assets.dagster_errors import ADVICE_KEY, ERROR_KEY, errors_shown
from assets.resources import Warehouse
from assets.scan_checks import SCAN, check_scan, evaluations
from pipelines.base.errors import Superseded
from pipelines.base.text import to_single_line
from pipelines.config.settings import AnyAccount
from pipelines.customers.due import due_accounts, is_open
from pipelines.customers.failure_alerts import notify_of_scans
from pipelines.customers.fleet import scan_accounts
from pipelines.customers.latest import read_latest_scan
from pipelines.customers.publish_scan import PublishedScan
from pipelines.load.result import ErrorReport

SCAN_CRON: Final = "10 * * * *"
"""After the hourly loads. An account is due once a night, within its hours."""


@dg.op(name="scan_due_accounts", description="Scan the customers of the accounts that are due, one after another.")
def scan_due_accounts(
    context: dg.OpExecutionContext, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckEvaluation | dg.AssetMaterialization | dg.Output[None]]:
    """Scan accounts, report each with its checks, send alerts about failures, and fail if one of them failed.

    A scan that another one took over is no failure: that one goes on, or the next hour begins a new one.
    """
    outcomes: dict[str, ErrorReport | None] = {}
    with errors_shown():
        settings, clock = workbench.settings, workbench.clock
        due = due_accounts(workbench.engine, settings.accounts, clock.now(), settings.schedule_timezone)

    def may_start(account: AnyAccount) -> bool:
        return is_open(account, clock.now(), settings.schedule_timezone)

    for account_key, scanned in scan_accounts(workbench.engine, due, settings, clock=clock, may_start=may_start):
        outcomes[account_key] = scanned if isinstance(scanned, ErrorReport) else None
        if isinstance(scanned, ErrorReport):
            log = context.log.warning if is_superseded(scanned) else context.log.error
            log(to_single_line(scanned.full_text, 1_000))
        else:
            if scanned.alert_error:
                context.log.warning(scanned.alert_error)
            yield dg.AssetMaterialization(SCAN, partition=account_key, metadata=scan_metadata(scanned))
        with errors_shown():
            latest = read_latest_scan(workbench.engine, account_key)
        yield from evaluations(check_scan(latest, clock.now()), account_key)
    unsent = notify_of_scans(
        workbench.engine,
        workbench.receivers,
        outcomes,
        settings,
        clock=clock,
        run_id=context.run_id,
        link=settings.dagster_url and f"{settings.dagster_url}/runs/{context.run_id}",
    )
    if unsent:
        context.log.warning(unsent)
    failures = [failure for failure in outcomes.values() if failure and not is_superseded(failure)]
    if failures:
        raise dg.Failure(
            failures[0].full_text,
            {ERROR_KEY: failures[0].error, ADVICE_KEY: failures[0].advice, names.FAILED_COUNT_KEY: len(failures)},
            allow_retries=False,  # the next hour tries again, from the last page
        )
    yield dg.Output(None, metadata={"accounts": len(due)})


@dg.job(
    name=names.SCAN_CUSTOMERS,
    executor_def=dg.in_process_executor,
    description="Scan the customers of all accounts whose hours have come and that were not scanned tonight.",
)
def scan_customers_job() -> None:
    """Scan the accounts that are due."""
    scan_due_accounts()


def scan_schedule(timezone: str) -> dg.ScheduleDefinition:
    """Build the schedule of scans. It is stopped until a user starts it."""
    return dg.ScheduleDefinition(
        name=names.SCAN_CUSTOMERS,
        job=scan_customers_job,
        cron_schedule=SCAN_CRON,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Scan customers within the hours that the settings give each account.",
    )


def is_superseded(report: ErrorReport) -> bool:
    """Return True if another scan took this one over, or its pages were deleted."""
    return report.error == Superseded.__name__


def scan_metadata(scan: PublishedScan) -> dict[str, int | float | dg.MetadataValue]:
    """Return the counts of a scan."""
    return {
        "started_at": dg.MetadataValue.timestamp(scan.started_at),
        "customers": scan.customers_count,
        "gone": scan.gone_count,
        "kept": scan.kept_count,
        "segments_that_differ": scan.difference_count,
        "requests": scan.request_count,
        "seconds": scan.duration_seconds,
    }
