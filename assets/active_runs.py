"""Active runs: loads of accounts or buckets that are queued or running."""

from __future__ import annotations

from collections import defaultdict

import dagster as dg

from assets.dagster_internals import NOT_FINISHED_STATUSES
from assets.names import LOAD_ACCOUNT, LOAD_FLEET, PARTITION_TAG
from assets.specs import RAW_ANSWER


def active_loads(instance: dg.DagsterInstance) -> dict[str, list[dg.DagsterRun]]:
    """Return queued and running loads by account or bucket, however they were started."""
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    active = defaultdict(list)
    for run in runs:
        if PARTITION_TAG in run.tags and is_load(run):
            active[run.tags[PARTITION_TAG]].append(run)
    return active


def is_load(run: dg.DagsterRun) -> bool:
    """Return True if a run fetches from amoCRM: by a load job, or started by hand from the asset's page."""
    return run.job_name in (LOAD_ACCOUNT, LOAD_FLEET) or RAW_ANSWER in (run.asset_selection or ())
