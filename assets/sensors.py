"""Who is told of a load that failed. How they are told is ``pipelines.alerts``' work."""

from __future__ import annotations

from typing import Any, Final

import dagster as dg

from assets.failures import ADVICE, ERROR
from assets.on_their_way import PARTITION_TAG, is_load
from assets.report import REPORT
from assets.resources import Workbench
from assets.telling import tell
from assets.write_back import make_as_wanted, manage_account
from pipelines.alerts import EVERY_ACCOUNT, Alert
from pipelines.errors import SettingsError
from pipelines.settings import Settings

FROM_OUTSIDE: Final = "marked as failed from outside"
UNKNOWN: Final = "?"
"""In place of an account's key where a run is about one and does not tell which."""


# Running by default: whoever sets the address wants to be told, and without one nothing is sent.
@dg.run_failure_sensor(
    name="tell_of_failed_loads",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Post every failed load to AMOCRM_ALERT_WEBHOOK_URL: which account, what happened, what to do.",
)
def tell_of_failed_loads(
    context: dg.RunFailureSensorContext, workbench: dg.ResourceParam[Workbench]
) -> dg.SkipReason | None:
    """Tell of one run that failed."""
    # An error of the sensor would be no better heard, and would hide the failures behind this one.
    untold = tell(as_alert(context, settings_of(workbench)), workbench, context.log)
    return dg.SkipReason(untold) if untold else None


def settings_of(workbench: Workbench) -> Settings | None:
    """The settings; None where they cannot be used."""
    try:
        return workbench.settings
    except SettingsError:
        return None


def as_alert(context: dg.RunFailureSensorContext, settings: Settings | None) -> Alert:
    """The alert for a failed run, in the words of the step that failed where it found some."""
    run = context.dagster_run
    failures = (event.step_failure_data.user_failure_data for event in context.get_step_failure_events())
    told = next(filter(None, failures), None)
    facts = {name: str(value.value) for name, value in told.metadata.items()} if told else {}
    pages = settings.dagster_url if settings else None
    return Alert(
        account=account_of(run, settings) or facts.get("account", UNKNOWN),
        error=facts.get(ERROR, "RunFailure"),
        what_happened=(told.description if told else None) or why_it_ended(context),
        what_to_do=facts.get(ADVICE, "See the run in Dagster. What is stored is intact; the next load tries again."),
        run_id=run.run_id,
        link=f"{pages}/runs/{run.run_id}" if pages else None,
        what=what_failed(run),
    )


def account_of(run: dg.DagsterRun, settings: Settings | None) -> str | None:
    """Whose run it is: by its partition, its configuration, or the only account there is; None where nothing tells."""
    if PARTITION_TAG in run.tags:
        return run.tags[PARTITION_TAG]
    if run.job_name != manage_account.name:
        return EVERY_ACCOUNT
    steps: Any = run.run_config.get("ops", {})
    given = steps.get(make_as_wanted.name, {}).get("config", {}).get("account")
    keys = [account.key for account in settings.all_accounts] if settings else []
    return str(given) if given else keys[0] if len(keys) == 1 else None


def what_failed(run: dg.DagsterRun) -> str:
    """What a run was to do, in a word."""
    if is_load(run):
        return "load"
    if REPORT in (run.asset_selection or ()):
        return "report"
    return "change" if run.job_name == manage_account.name else run.job_name.replace("_", " ")


def why_it_ended(context: dg.RunFailureSensorContext) -> str:
    """Why a run ended without a step that failed: what Dagster says of it, or of its process that is gone."""
    said = context.failure_event.message or "The run failed."
    if FROM_OUTSIDE not in said:
        return said
    events = context.instance.all_logs(context.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return next((event.message for event in reversed(events) if event.message), said)
