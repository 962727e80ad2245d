"""Names that several modules use, and that Dagster stores with every event: they stay as they were released."""

from __future__ import annotations

from typing import Final

LOAD_ACCOUNT: Final = "load_account"
LOAD_FLEET: Final = "load_fleet"
MANAGE_ACCOUNT: Final = "manage_account"
HOUSEKEEPING: Final = "housekeeping"
"""Name of the job and of its schedule."""

SCAN_CUSTOMERS: Final = "scan_customers"
"""Name of the job and of its schedule."""

JOBS: Final = (LOAD_ACCOUNT, LOAD_FLEET, MANAGE_ACCOUNT, HOUSEKEEPING, SCAN_CUSTOMERS)
ASSET_JOB: Final = "__ASSET_JOB"
"""Dagster's name for the job of runs that a user starts from an asset's page."""

FAILED_COUNT_KEY: Final = "failed_accounts"
"""Metadata of the failure of a run that sent the alerts itself: the number of accounts."""

LOAD_SCHEDULE: Final = "load_accounts"
APPLY_OP: Final = "make_as_wanted"
"""Op of the job ``manage_account``."""

PARTITION_TAG: Final = "dagster/partition"
