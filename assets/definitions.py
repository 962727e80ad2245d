"""Dagster code location: collects all assets, jobs, schedules, sensors and resources."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Final

import dagster as dg

from assets.customers import scan_customers_job, scan_schedule
from assets.dagster_internals import get_smallest_cron_interval
from assets.fleet import FLEET
from assets.history import RECORDED_TABLES, history_tables
from assets.io_managers import LoadReferenceIOManager
from assets.jobs import housekeeping, load_account_job, load_fleet_job, manage_account
from assets.raw import raw_answer
from assets.report import REPORT_SENSOR, report
from assets.resources import Warehouse, WarehouseResource
from assets.scan_checks import MAX_AGE, SCAN, scan_checks
from assets.schedules import account_sensor, housekeeping_schedule, load_schedule
from assets.sensors import notify_of_failed_loads, notify_of_recovered_loads
from assets.size_alerts import size_alerts
from assets.specs import SCAN_TABLES, SNAPSHOT, VIEWS_GROUP
from assets.views import RECORDED_VIEWS, analytics_views
from assets.write_back import WRITE_BACKS
from pipelines.base.errors import SettingsError
from pipelines.base.private_path import UMASK
from pipelines.base.settings_folder import settings_folder
from pipelines.config.settings import Settings, load_settings
from pipelines.load.buckets import is_fleet

EXECUTED: Final = (raw_answer, history_tables, size_alerts, analytics_views, report)
"""Assets with a step. What a step wrote to other tables, and what their views show, it records."""


@dg.definitions
def definitions() -> dg.Definitions:
    """Build the definitions that ``workspace.yaml`` names.

    A schedule's definition holds its times and its job, so these settings are read when Dagster loads the code
    location (not when this module is imported). All others are read when something runs.
    """
    gc.freeze()  # imported modules stay, so the garbage collector need not look at them again
    os.umask(UMASK)  # for files that Dagster itself writes: logs, storage, pid files
    settings = settings_or_defaults()
    return build_definitions(settings.schedule_cron, settings.schedule_timezone, is_fleet=is_fleet(settings))


def settings_or_defaults(folder: Path | None = None) -> Settings:
    """Return the settings, or the defaults if they are invalid: the first tick reports the errors."""
    try:
        return load_settings(os.environ, folder or settings_folder(os.environ, Path.cwd()))
    except SettingsError:
        return Settings(data_dir=Path())


def build_definitions(
    cron: str,
    timezone: str,
    warehouse: Warehouse | WarehouseResource | None = None,
    *,
    is_fleet: bool = False,
    executor: dg.ExecutorDefinition | None = dg.in_process_executor,
) -> dg.Definitions:
    """Build all definitions for a schedule. ``warehouse`` replaces the one that the settings describe."""
    policy = build_freshness_policy(cron, timezone)
    return dg.Definitions(
        assets=dg.map_asset_specs(
            lambda spec: with_freshness(spec, policy, is_fleet=is_fleet),
            [*EXECUTED, *RECORDED_TABLES, *RECORDED_VIEWS, FLEET, *SCAN_TABLES, *WRITE_BACKS],
        ),
        asset_checks=[scan_checks],
        jobs=[load_account_job, load_fleet_job, manage_account, housekeeping, scan_customers_job],
        schedules=[
            load_schedule(cron, timezone, is_fleet=is_fleet),
            housekeeping_schedule(timezone),
            scan_schedule(timezone),
        ],
        sensors=[notify_of_failed_loads, notify_of_recovered_loads, REPORT_SENSOR, account_sensor],
        resources={"workbench": warehouse or WarehouseResource(), "hand_over": LoadReferenceIOManager()},
        executor=executor,
    )


def build_freshness_policy(cron: str, timezone: str) -> dg.FreshnessPolicy:
    """Return the policy by which an asset is stale if nothing was loaded between two ticks of the schedule."""
    interval = get_smallest_cron_interval(cron, timezone)
    return dg.FreshnessPolicy.cron(deadline_cron=cron, lower_bound_delta=interval, timezone=timezone)


def with_freshness(spec: dg.AssetSpec, policy: dg.FreshnessPolicy, *, is_fleet: bool) -> dg.AssetSpec:
    """Add the policy to the ledger and the views; for a fleet, whose runs emit no events for views, to its buckets.

    Scans have one of their own, which matters only once there is a scan.
    """
    if spec.key == SCAN:
        return spec.replace_attributes(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=MAX_AGE))
    is_expected = spec.key == FLEET.key if is_fleet else spec.group_name == VIEWS_GROUP
    return spec.replace_attributes(freshness_policy=policy) if spec.key == SNAPSHOT or is_expected else spec
