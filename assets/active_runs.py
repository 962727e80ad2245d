"""Loads that are queued or running, of one account or of a bucket of them: who has to be left alone meanwhile."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import dagster as dg

from assets.dagster_internals import NOT_FINISHED_STATUSES
from assets.jobs import LOAD_ACCOUNT
from assets.specs import RAW_ANSWER

PARTITION_TAG: Final = "dagster/partition"
LOAD_FLEET: Final = "load_fleet"


def active_loads(instance: dg.DagsterInstance) -> dict[str, list[dg.DagsterRun]]:
    """Runs that load, or wait for their turn, by account or bucket; whoever started them."""
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    active = defaultdict(list)
    for run in runs:
        if PARTITION_TAG in run.tags and is_load(run):
            active[run.tags[PARTITION_TAG]].append(run)
    return active


def is_load(run: dg.DagsterRun) -> bool:
    """Whether a run asks amoCRM: by one of the jobs, or by hand from the asset's page."""
    return run.job_name in (LOAD_ACCOUNT.name, LOAD_FLEET) or RAW_ANSWER in (run.asset_selection or ())
