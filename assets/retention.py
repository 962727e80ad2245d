"""The job that deletes what only grows: Dagster's old runs, and raw answers of accounts that are loaded no more."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from datetime import timedelta
from typing import Final

import dagster as dg

from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.resources import WarehouseResource
from assets.run_retention import delete_old_runs
from pipelines.load.retention import purge_all_responses

HOUSEKEEPING: Final = "housekeeping"
NIGHTLY_CRON: Final = "40 3 * * *"
"""Between two hourly loads."""


@dg.op(retry_policy=RETRY_POLICY, description="Delete runs and raw answers that are older than the settings keep them.")
def keep_house(context: dg.OpExecutionContext, workbench: dg.ResourceParam[WarehouseResource]) -> dg.Output[None]:
    """Both kinds, and how many of each."""
    with errors_shown():
        settings, now = workbench.settings, workbench.clock.now()
        run_count = delete_old_runs(context.instance, before=now - timedelta(days=settings.dagster_run_days))
        answer_count = purge_all_responses(workbench.engine, settings, now=now)
    return dg.Output(None, metadata={"runs_deleted": run_count, "answers_deleted": answer_count})


@dg.job(
    name=HOUSEKEEPING,
    executor_def=dg.in_process_executor,
    description="Delete Dagster's runs older than AMOCRM_DAGSTER_RUN_DAYS, and raw answers that no load would purge.",
)
def housekeeping() -> None:
    """Once a day is enough; at any other time it does no harm."""
    keep_house()


def housekeeping_schedule(timezone: str) -> dg.ScheduleDefinition:
    """Every night. Running by default: what nobody deletes fills the disk."""
    return dg.ScheduleDefinition(
        name=HOUSEKEEPING,
        job=housekeeping,
        cron_schedule=NIGHTLY_CRON,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Delete what is older than the settings keep it.",
    )
