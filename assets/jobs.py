"""The job that a load is."""

from __future__ import annotations

from typing import Final

import dagster as dg

from assets.report import REPORT

LOAD_ACCOUNT: Final = dg.define_asset_job(
    "load_account",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(REPORT),
    executor_def=dg.in_process_executor,
    description="Load one account: ask amoCRM, publish a snapshot, note what the views show.",
)
