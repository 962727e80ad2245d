"""When accounts are loaded. A tick asks for a run per account, and leaves alone those whose load is on its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from assets.job import LOAD_ACCOUNT
from assets.partitions import register_accounts
from assets.resources import Workbench
from assets.specs import RAW_ANSWER
from assets.telling import tell
from pipelines.alerts import EVERY_ACCOUNT, Alert
from pipelines.errors import SettingsError

PARTITION_TAG: Final = "dagster/partition"
SCHEDULE_NAME: Final = "load_accounts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """What a tick decides."""

    requests: tuple[dg.RunRequest, ...]
    skipped: tuple[str, ...]  # a sentence for each account that is left alone

    @property
    def result(self) -> list[dg.RunRequest] | dg.SkipReason:
        """The decision as Dagster takes it: a reason only where nothing is to be done at all."""
        return list(self.requests) or dg.SkipReason(" ".join(self.skipped))


def decide_tick(keys: Sequence[str], on_their_way: Mapping[str, Sequence[dg.DagsterRun]]) -> Tick:
    """One run for each account that no run is loading, or waiting to load."""
    if not keys:
        return Tick(
            requests=(),
            skipped=(
                "No account is set. Set AMOCRM_HOST and AMOCRM_TOKEN in .env, or list accounts in accounts.toml.",
            ),
        )
    return Tick(
        # With a run key a tick that is evaluated again, after a crash in its middle, asks for no run twice.
        requests=tuple(dg.RunRequest(run_key=key, partition_key=key) for key in keys if key not in on_their_way),
        skipped=tuple(
            f"Account '{key}' is left alone: run {run.run_id} is {run.status.value.lower().replace('_', ' ')}."
            for key in keys
            for run in on_their_way.get(key, ())[:1]
        ),
    )


def loads_on_their_way(instance: dg.DagsterInstance) -> dict[str, list[dg.DagsterRun]]:
    """Runs that load an account, or wait for their turn, by account; whoever started them."""
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    found = defaultdict(list)
    for run in runs:
        if PARTITION_TAG in run.tags and is_load(run):
            found[run.tags[PARTITION_TAG]].append(run)
    return found


def settings_alert(error: SettingsError) -> Alert:
    """The alert where nothing can be loaded, since the settings cannot be used."""
    return Alert(
        account=EVERY_ACCOUNT,
        error=type(error).__name__,
        what_happened=error.message,
        what_to_do=error.advice,
        run_id=None,
    )


def is_load(run: dg.DagsterRun) -> bool:
    """Whether a run asks amoCRM: by the job, or by hand from the asset's page."""
    return run.job_name == LOAD_ACCOUNT.name or RAW_ANSWER in (run.asset_selection or ())


def load_schedule(cron: str, timezone: str) -> dg.ScheduleDefinition:
    """The schedule of all accounts, stopped until somebody switches it on."""

    @dg.schedule(
        name=SCHEDULE_NAME,
        job=LOAD_ACCOUNT,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Load every account of the settings; those whose load is still on its way are left alone.",
        required_resource_keys={"workbench"},
    )
    def load_accounts(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        workbench: Workbench = context.resources.workbench
        try:
            settings = workbench.settings
        except SettingsError as error:
            # No run will fail of it, so no sensor would tell.
            tell(settings_alert(error), workbench, context.log)
            raise
        keys = register_accounts(context.instance, settings)
        tick = decide_tick(keys, loads_on_their_way(context.instance))
        for reason in tick.skipped:
            context.log.info(reason)
        return tick.result

    return load_accounts
