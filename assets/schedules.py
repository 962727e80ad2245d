"""When accounts are loaded. A tick asks for a run per account, or per bucket of them where there are many.

It leaves alone those whose load is on its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from assets.active_runs import active_loads
from assets.fleet import load_bucket_job, register_buckets
from assets.jobs import LOAD_ACCOUNT
from assets.notify import notify
from assets.partitions import register_accounts
from assets.resources import WarehouseResource
from pipelines.alerts.webhook import ALL_ACCOUNTS, FailureAlert
from pipelines.base.errors import SettingsError
from pipelines.config.accounts import ACCOUNT_KEY_PATTERN

SCHEDULE_NAME: Final = "load_accounts"


@dataclass(frozen=True, kw_only=True, slots=True)
class TickDecision:
    """What a tick decides."""

    requests: tuple[dg.RunRequest, ...]
    skipped: tuple[str, ...]  # a sentence for each account or bucket that is left alone

    @property
    def result(self) -> list[dg.RunRequest] | dg.SkipReason:
        """The decision as Dagster takes it: a reason only where nothing is to be done at all."""
        return list(self.requests) or dg.SkipReason(" ".join(self.skipped))


def decide_tick(keys: Sequence[str], active: Mapping[str, Sequence[dg.DagsterRun]]) -> TickDecision:
    """One run for each account, or bucket, that no run is loading, or waiting to load."""
    if not keys:
        return TickDecision(
            requests=(),
            skipped=(
                "No account is set. Set AMOCRM_HOST and AMOCRM_TOKEN in .env, or list accounts in accounts.toml.",
            ),
        )
    return TickDecision(
        # With a run key a tick that is evaluated again, after a crash in its middle, asks for no run twice.
        requests=tuple(dg.RunRequest(run_key=key, partition_key=key) for key in keys if key not in active),
        skipped=tuple(
            f"{describe_partition(key)} is left alone: run {run.run_id} is {run.status.value.lower().replace('_', ' ')}."
            for key in keys
            for run in active.get(key, ())[:1]
        ),
    )


def describe_partition(key: str) -> str:
    """The account or the bucket of that key, at the beginning of a sentence."""
    return f"Account '{key}'" if ACCOUNT_KEY_PATTERN.fullmatch(key) else key.capitalize()


def settings_alert(error: SettingsError) -> FailureAlert:
    """The alert where nothing can be loaded, since the settings cannot be used."""
    return FailureAlert(
        account=ALL_ACCOUNTS,
        error=type(error).__name__,
        what_happened=error.message,
        what_to_do=error.advice,
        run_id=None,
    )


def load_schedule(cron: str, timezone: str, *, is_fleet: bool) -> dg.ScheduleDefinition:
    """The schedule of all accounts, stopped until somebody switches it on. A fleet is loaded in buckets."""

    @dg.schedule(
        name=SCHEDULE_NAME,
        job=load_bucket_job if is_fleet else LOAD_ACCOUNT,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Load every account of the settings; those whose load is still on its way are left alone.",
        required_resource_keys={"workbench"},
    )
    def load_accounts(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        workbench: WarehouseResource = context.resources.workbench
        try:
            settings = workbench.settings
        except SettingsError as error:
            # No run will fail of it, so no sensor would tell.
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
