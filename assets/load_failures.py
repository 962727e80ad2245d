"""Load transitions of a run: accounts that began to fail, still fail, or recovered, as the warehouse recorded them."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from assets.active_runs import is_load
from assets.names import LOAD_FLEET, PARTITION_TAG
from assets.resources import Warehouse
from pipelines.alerts.load_outcomes import transitions_in_run
from pipelines.alerts.load_transitions import LoadTransition
from pipelines.base.errors import WarehouseError
from pipelines.load.buckets import Bucket


def transitions_of(run: dg.DagsterRun, workbench: Warehouse) -> list[LoadTransition]:
    """Return the transitions of the run's accounts; none if the run loads nothing or the warehouse is unreachable."""
    if not is_load(run) or PARTITION_TAG not in run.tags:
        return []
    try:
        return transitions_in_run(workbench.engine, run.run_id, account_keys_of(run, workbench))
    except WarehouseError:
        return []


def account_keys_of(run: dg.DagsterRun, workbench: Warehouse) -> Sequence[str]:
    """Return the keys of the accounts that a run loads."""
    partition = run.tags[PARTITION_TAG]
    if run.job_name != LOAD_FLEET:
        return [partition]
    return [account.key for account in Bucket.from_key(partition).accounts(workbench.settings.all_accounts)]
