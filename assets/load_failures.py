"""What is new about the accounts of a run that loads, by the warehouse's own record. ``sensors`` tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from assets.active_runs import LOAD_FLEET, PARTITION_TAG, is_load
from assets.resources import WarehouseResource
from pipelines.alerts.load_outcomes import transitions_in_run
from pipelines.alerts.load_transitions import LoadTransition
from pipelines.base.errors import WarehouseError
from pipelines.load.buckets import Bucket
from pipelines.load.result import SKIPPED_ERROR_NAME


def transitions_of(run: dg.DagsterRun, workbench: WarehouseResource) -> list[LoadTransition]:
    """How each account's load went; none where the run loads nothing, or nothing can be known."""
    if not is_load(run) or PARTITION_TAG not in run.tags:
        return []
    try:
        return transitions_in_run(workbench.engine, run.run_id, account_keys_of(run, workbench))
    except WarehouseError:
        return []


def account_keys_of(run: dg.DagsterRun, workbench: WarehouseResource) -> Sequence[str]:
    """Keys of the accounts that a run is to load."""
    partition = run.tags[PARTITION_TAG]
    if run.job_name != LOAD_FLEET:
        return [partition]
    return [account.key for account in Bucket.from_key(partition).accounts(workbench.settings.all_accounts)]


def are_errors_recorded(errors: Iterable[str], transitions: Sequence[LoadTransition]) -> bool:
    """Whether the warehouse knows of every error of a run. What it was not told of, such as a death, is always news."""
    return set(errors) - {SKIPPED_ERROR_NAME} <= {transition.error for transition in transitions}
