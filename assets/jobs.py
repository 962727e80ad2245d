"""Jobs: load one account, load a bucket of accounts, change an account, purge old data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from assets import names
from assets.fleet import BUCKETS, load_bucket
from assets.history import history_tables
from assets.raw import raw_answer
from assets.retention import purge_old_data
from assets.size_alerts import size_alerts
from assets.views import analytics_views
from assets.write_back import apply_desired_state

LAUNCHPAD: Final[Mapping[str, Any]] = {
    "account": None,
    "file": None,
    "text": "{version: 1, segments: []}",
    "dry_run": True,
    "fingerprint": None,
    "delete_segments": [],
    "delete_stages": [],
    "reason": None,
}
"""Configuration that the launchpad shows until a user edits it. It changes nothing."""

load_account_job: Final = dg.define_asset_job(
    names.LOAD_ACCOUNT,
    selection=dg.AssetSelection.assets(raw_answer, history_tables, size_alerts, analytics_views),
    executor_def=dg.in_process_executor,
    description="Load one account: fetch it from amoCRM, publish a snapshot, record what the views show.",
)


@dg.job(
    name=names.LOAD_FLEET,
    partitions_def=BUCKETS,
    executor_def=dg.in_process_executor,
    description="Load the accounts of one bucket in parallel. The schedule uses it if there are many accounts.",
)
def load_fleet_job() -> None:
    """Load one bucket of accounts."""
    load_bucket()


@dg.job(
    name=names.MANAGE_ACCOUNT,
    executor_def=dg.in_process_executor,
    config={"ops": {names.APPLY_OP: {"config": dict(LAUNCHPAD)}}},
    description=(
        "Plan the calls that make an account's stages or segments match a file; with dry_run off, apply them. Put the "
        "file's text, which './run export' writes, into 'text', or its path into 'file'."
    ),
)
def manage_account() -> None:
    """Plan or apply desired state. Started by hand: no schedule runs it, and nothing retries it."""
    apply_desired_state()


@dg.job(
    name=names.HOUSEKEEPING,
    executor_def=dg.in_process_executor,
    description="Delete Dagster's runs older than AMOCRM_DAGSTER_RUN_DAYS, ended stays of customers older than "
    "AMOCRM_STAY_RETENTION_DAYS, and raw responses that no load would purge.",
)
def housekeeping() -> None:
    """Purge old runs, raw responses and stays. Running it more than once a day does no harm."""
    purge_old_data()
