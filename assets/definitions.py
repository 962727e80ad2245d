"""The code location: everything that Dagster knows of, put together. Nothing is defined here."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from assets.dagster_internals import get_smallest_cron_interval
from assets.fleet import FLEET, load_bucket_job
from assets.history import history_tables
from assets.io_managers import LoadReferenceIOManager
from assets.jobs import LOAD_ACCOUNT
from assets.raw import raw_answer
from assets.report import REPORT_SENSOR, report
from assets.resources import WarehouseResource, warehouse_resource
from assets.retention import housekeeping, housekeeping_schedule
from assets.schedules import load_schedule
from assets.sensors import notify_of_failed_loads, notify_of_recovered_loads
from assets.size_alerts import size_alerts
from assets.specs import SNAPSHOT, VIEWS_GROUP
from assets.views import analytics_views
from assets.write_back import WRITE_BACKS, manage_account
from pipelines.base.errors import SettingsError
from pipelines.base.private_path import UMASK
from pipelines.base.settings_folder import settings_folder
from pipelines.config.settings import Settings, load_settings
from pipelines.load.buckets import is_fleet


@dg.definitions
def definitions() -> dg.Definitions:
    """What ``workspace.yaml`` names.

    A schedule's times and its job are part of its definition, so they must be known here: they are the only settings
    that are read before something runs, when Dagster loads the code location, not when this module is imported.
    """
    os.umask(UMASK)  # for what Dagster's processes write beside us: logs, storage, pid files
    settings = settings_or_defaults()
    return build_definitions(settings.schedule_cron, settings.schedule_timezone, is_fleet=is_fleet(settings))


def settings_or_defaults() -> Settings:
    """The settings; the defaults where they cannot be used: the first tick will say what is wrong."""
    try:
        return load_settings(os.environ, settings_folder(os.environ, Path.cwd()))
    except SettingsError:
        return Settings(data_dir=Path())


def build_definitions(
    cron: str,
    timezone: str,
    resource: dg.ResourceDefinition | WarehouseResource = warehouse_resource,
    *,
    is_fleet: bool = False,
) -> dg.Definitions:
    """All definitions, for a schedule of these times, and on a workbench of the caller's where there is one."""
    policy = build_freshness_policy(cron, timezone)
    return dg.Definitions(
        assets=dg.map_asset_specs(
            lambda spec: with_freshness(spec, policy, is_fleet=is_fleet),
            [raw_answer, history_tables, size_alerts, analytics_views, report, FLEET, *WRITE_BACKS],
        ),
        jobs=[LOAD_ACCOUNT, load_bucket_job, manage_account, housekeeping],
        schedules=[load_schedule(cron, timezone, is_fleet=is_fleet), housekeeping_schedule(timezone)],
        sensors=[notify_of_failed_loads, notify_of_recovered_loads, REPORT_SENSOR],
        resources={"workbench": resource, "hand_over": LoadReferenceIOManager()},
        executor=dg.in_process_executor,
    )


def build_freshness_policy(cron: str, timezone: str) -> dg.FreshnessPolicy:
    """Stale is what a tick finds without a load since the tick before it."""
    interval = get_smallest_cron_interval(cron, timezone)
    return dg.FreshnessPolicy.cron(deadline_cron=cron, lower_bound_delta=interval, timezone=timezone)


def with_freshness(spec: dg.AssetSpec, policy: dg.FreshnessPolicy, *, is_fleet: bool) -> dg.AssetSpec:
    """Have the ledger be fresh, which every load writes, and the views; but of these a fleet's runs have no events."""
    is_expected = spec.key == FLEET.key if is_fleet else spec.group_name == VIEWS_GROUP
    return spec.replace_attributes(freshness_policy=policy) if spec.key == SNAPSHOT or is_expected else spec
