"""Schedules: load all accounts, and purge old data every night.

A tick requests one run per account, or per bucket of a fleet, except those with an active load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from assets.active_runs import active_loads
from assets.fleet import register_buckets
from assets.jobs import housekeeping, load_account_job, load_fleet_job
from assets.names import HOUSEKEEPING, LOAD_SCHEDULE
from assets.notify import notify
from assets.partitions import register_accounts
from assets.resources import Warehouse
from pipelines.alerts.failure_alert import ALL_ACCOUNTS, FailureAlert
from pipelines.base.errors import SettingsError
from pipelines.config.accounts import ACCOUNT_KEY_PATTERN

NIGHTLY_CRON: Final = "40 3 * * *"
"""Between two hourly loads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TickDecision:
    """Runs that a tick requests, and the reasons for those it skips."""

    requests: tuple[dg.RunRequest, ...]
    skipped: tuple[str, ...]  # a sentence for each account or bucket with an active load

    @property
    def result(self) -> list[dg.RunRequest] | dg.SkipReason:
        """The decision as Dagster expects it: a skip reason only if no run is requested."""
        return list(self.requests) or dg.SkipReason(" ".join(self.skipped))


def decide_tick(keys: Sequence[str], active: Mapping[str, Sequence[dg.DagsterRun]]) -> TickDecision:
    """Request one run for each account or bucket without an active load."""
    if not keys:
        return TickDecision(
            requests=(),
            skipped=("No account is configured. Set AMOCRM_HOST and AMOCRM_TOKEN in .env, or use accounts.toml.",),
        )
    return TickDecision(
        # Run keys keep a tick that is repeated after a crash from requesting a run twice.
        requests=tuple(dg.RunRequest(run_key=key, partition_key=key) for key in keys if key not in active),
        skipped=tuple(
            f"{describe_partition(key)} is skipped: run {run.run_id} is {run.status.value.lower().replace('_', ' ')}."
            for key in keys
            for run in active.get(key, ())[:1]
        ),
    )


def describe_partition(key: str) -> str:
    """Return the account or bucket as the beginning of a sentence."""
    return f"Account '{key}'" if ACCOUNT_KEY_PATTERN.fullmatch(key) else key.capitalize()


def settings_alert(error: SettingsError) -> FailureAlert:
    """Build the alert for invalid settings, with which nothing can be loaded."""
    return FailureAlert(
        account=ALL_ACCOUNTS,
        error=type(error).__name__,
        what_happened=error.message,
        what_to_do=error.advice,
        run_id=None,
    )


def load_schedule(cron: str, timezone: str, *, is_fleet: bool) -> dg.ScheduleDefinition:
    """Build the schedule that loads all accounts, or all buckets of a fleet. It is stopped until a user starts it."""

    @dg.schedule(
        name=LOAD_SCHEDULE,
        job=load_fleet_job if is_fleet else load_account_job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Load every account of the settings except those with an active load.",
        required_resource_keys={"workbench"},
    )
    def load_accounts(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        """Register accounts and buckets, and request their runs."""
        workbench: Warehouse = context.resources.workbench
        try:
            settings = workbench.settings
        except SettingsError as error:
            # No run starts, so no failure sensor would report it.
            notify(settings_alert(error), workbench, context.log)
            raise
        keys = register_accounts(context.instance, settings)
        if keys and is_fleet:
            keys = register_buckets(context.instance, settings.fleet_buckets)
        tick = decide_tick(keys, active_loads(context.instance))
        for reason in tick.skipped:
            context.log.info(reason)
        return tick.result

    return load_accounts


@dg.sensor(
    name="register_accounts",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    description="List the accounts of the settings, so that each can be loaded before the schedule's first tick.",
)
def account_sensor(context: dg.SensorEvaluationContext, workbench: dg.ResourceParam[Warehouse]) -> dg.SkipReason:
    """Register new accounts as partitions."""
    try:
        keys = register_accounts(context.instance, workbench.settings)
    except SettingsError as error:  # the load schedule sends the alert
        return dg.SkipReason(error.message)
    return dg.SkipReason(f"{len(keys)} accounts are registered.")


def housekeeping_schedule(timezone: str) -> dg.ScheduleDefinition:
    """Build the nightly schedule of the purge. It runs by default, since old data would fill the disk."""
    return dg.ScheduleDefinition(
        name=HOUSEKEEPING,
        job=housekeeping,
        cron_schedule=NIGHTLY_CRON,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Delete data that are older than the settings keep them.",
    )
