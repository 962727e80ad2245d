"""Purge of what only grows: Dagster's old runs, raw responses of accounts that are no longer loaded, ended stays."""

# No "from __future__ import annotations": Dagster reads the annotation of ``context`` as an object.
from datetime import timedelta

import dagster as dg

from assets.dagster_errors import RETRY_POLICY, errors_shown
from assets.resources import Warehouse
from assets.run_retention import delete_old_runs
from pipelines.customers.retention import fold_old_stays
from pipelines.load.retention import purge_all_responses


@dg.op(
    name="keep_house",
    retry_policy=RETRY_POLICY,
    description="Delete runs, raw responses and ended stays of customers that are older than the settings keep them.",
)
def purge_old_data(context: dg.OpExecutionContext, workbench: dg.ResourceParam[Warehouse]) -> dg.Output[None]:
    """Delete old runs, raw responses and ended stays, and report how many."""
    with errors_shown():
        settings, now = workbench.settings, workbench.clock.now()
        run_count = delete_old_runs(context.instance, before=now - timedelta(days=settings.dagster_run_days))
        response_count = purge_all_responses(workbench.engine, settings, now=now)
        stay_count = fold_old_stays(workbench.engine, settings, now=now)
    counts = {"runs_deleted": run_count, "answers_deleted": response_count, "stays_deleted": stay_count}
    return dg.Output(None, metadata=counts)
