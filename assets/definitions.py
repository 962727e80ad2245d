"""The code location: everything that Dagster knows of, put together. Nothing is defined here."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from assets.dagster_internals import get_smallest_cron_interval
from assets.fleet import FLEET, load_bucket_job
from assets.hand_over import ExtractedIOManager
from assets.history import history
from assets.housekeeping import housekeeping, housekeeping_schedule
from assets.job import LOAD_ACCOUNT
from assets.marts import marts
from assets.raw import raw_answer
from assets.report import KEEP_REPORTS, report
from assets.resources import Workbench, workbench
from assets.schedules import load_schedule
from assets.sensors import tell_of_failed_loads, tell_of_loads_that_work_again
from assets.size_alerts import size_alerts
from assets.specs import SNAPSHOT, VIEWS_GROUP
from assets.write_back import WRITE_BACKS, manage_account
from pipelines.buckets import is_fleet
from pipelines.errors import SettingsError
from pipelines.place import settings_folder
from pipelines.private_path import UMASK
from pipelines.settings import Settings, load_settings


@dg.definitions
def definitions() -> dg.Definitions:
    """What ``workspace.yaml`` names.

    A schedule's times and its job are part of its definition, so they must be known here: they are the only settings
    that are read before something runs, when Dagster loads the code location, not when this module is imported.
    """
    os.umask(UMASK)  # for what Dagster's processes write beside us: logs, storage, pid files
    settings = settings_now()
    return defined(settings.schedule_cron, settings.schedule_timezone, is_fleet=is_fleet(settings))


def settings_now() -> Settings:
    """The settings; the defaults where they cannot be used: the first tick will say what is wrong."""
    try:
        return load_settings(os.environ, settings_folder(os.environ, Path.cwd()))
    except SettingsError:
        return Settings(data_dir=Path())


def defined(
    cron: str, timezone: str, bench: dg.ResourceDefinition | Workbench = workbench, *, is_fleet: bool = False
) -> dg.Definitions:
    """All definitions, for a schedule of these times, and on a workbench of the caller's where there is one."""
    in_time = freshness(cron, timezone)
    return dg.Definitions(
        assets=dg.map_asset_specs(
            lambda spec: expected(spec, in_time, is_fleet=is_fleet),
            [raw_answer, history, size_alerts, marts, report, FLEET, *WRITE_BACKS],
        ),
        jobs=[LOAD_ACCOUNT, load_bucket_job, manage_account, housekeeping],
        schedules=[load_schedule(cron, timezone, is_fleet=is_fleet), housekeeping_schedule(timezone)],
        sensors=[tell_of_failed_loads, tell_of_loads_that_work_again, KEEP_REPORTS],
        resources={"workbench": bench, "hand_over": ExtractedIOManager()},
        executor=dg.in_process_executor,
    )


def freshness(cron: str, timezone: str) -> dg.FreshnessPolicy:
    """Stale is what a tick finds without a load since the tick before it."""
    interval = get_smallest_cron_interval(cron, timezone)
    return dg.FreshnessPolicy.cron(deadline_cron=cron, lower_bound_delta=interval, timezone=timezone)


def expected(spec: dg.AssetSpec, in_time: dg.FreshnessPolicy, *, is_fleet: bool) -> dg.AssetSpec:
    """Have the ledger be fresh, which every load writes, and the views; but of these a fleet's runs have no events."""
    is_told = spec.key == FLEET.key if is_fleet else spec.group_name == VIEWS_GROUP
    return spec.replace_attributes(freshness_policy=in_time) if spec.key == SNAPSHOT or is_told else spec
