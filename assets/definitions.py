"""The code location: everything that Dagster knows of, put together. Nothing is defined here."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
from dagster._utils.schedules import get_smallest_cron_interval

from assets.hand_over import ExtractedIOManager
from assets.history import history
from assets.housekeeping import housekeeping, housekeeping_schedule
from assets.job import LOAD_ACCOUNT
from assets.marts import marts
from assets.raw import raw_answer
from assets.report import KEEP_REPORTS, report
from assets.resources import Workbench, workbench
from assets.schedules import load_schedule
from assets.sensors import tell_of_failed_loads
from assets.size_alerts import size_alerts
from assets.specs import SNAPSHOT, VIEWS_GROUP
from assets.write_back import WRITE_BACKS, manage_account
from pipelines.errors import SettingsError
from pipelines.settings import Settings, load_settings


@dg.definitions
def definitions() -> dg.Definitions:
    """What ``workspace.yaml`` names.

    A schedule's times are part of its definition, so they must be known here: they are the only settings that are read
    before something runs, and they are read when Dagster loads the code location, not when this module is imported.
    """
    cron, timezone = schedule_times()
    return defined(cron, timezone)


def schedule_times() -> tuple[str, str]:
    """When to load, by the settings; by default where those cannot be used: the first tick will say what is wrong."""
    try:
        settings = load_settings(os.environ, Path.cwd())
    except SettingsError:
        settings = Settings(data_dir=Path())
    return settings.schedule_cron, settings.schedule_timezone


def defined(cron: str, timezone: str, bench: dg.ResourceDefinition | Workbench = workbench) -> dg.Definitions:
    """All definitions, for a schedule of these times, and on a workbench of the caller's where there is one."""
    in_time = freshness(cron, timezone)
    return dg.Definitions(
        assets=dg.map_asset_specs(
            lambda spec: expected(spec, in_time), [raw_answer, history, size_alerts, marts, report, *WRITE_BACKS]
        ),
        jobs=[LOAD_ACCOUNT, manage_account, housekeeping],
        schedules=[load_schedule(cron, timezone), housekeeping_schedule(timezone)],
        sensors=[tell_of_failed_loads, KEEP_REPORTS],
        resources={"workbench": bench, "hand_over": ExtractedIOManager()},
        executor=dg.in_process_executor,
    )


def freshness(cron: str, timezone: str) -> dg.FreshnessPolicy:
    """Stale is what a tick finds without a load since the tick before it."""
    interval = get_smallest_cron_interval(cron, timezone)
    return dg.FreshnessPolicy.cron(deadline_cron=cron, lower_bound_delta=interval, timezone=timezone)


def expected(spec: dg.AssetSpec, in_time: dg.FreshnessPolicy) -> dg.AssetSpec:
    """Have the ledger, which every load writes, and the views be fresh."""
    is_expected = spec.key == SNAPSHOT or spec.group_name == VIEWS_GROUP
    return spec.replace_attributes(freshness_policy=in_time) if is_expected else spec
