"""Who is told of loads that fail, and of those that work again. How they are told is ``pipelines.alerts.webhook``' work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import dagster as dg

from assets.active_runs import PARTITION_TAG, is_load
from assets.dagster_errors import ADVICE_KEY, ERROR_KEY
from assets.load_failures import are_errors_recorded, transitions_of
from assets.notify import NO_WEBHOOK, notify
from assets.report import REPORT
from assets.resources import WarehouseResource
from assets.write_back import make_as_wanted, manage_account
from pipelines.alerts.load_transitions import LoadTransition, describe_transitions
from pipelines.alerts.webhook import ALL_ACCOUNTS, FailureAlert
from pipelines.base.errors import SettingsError
from pipelines.config.settings import Settings

EXTERNAL_FAILURE: Final = "marked as failed from outside"
UNKNOWN_ACCOUNT: Final = "?"
"""In place of an account's key where a run is about one and does not tell which."""


NOTHING_NEW: Final = "Nobody is told again: whoever was not loaded fails as before. Each is told once a day."

# Both run by default: whoever sets the address wants to be told, and without one nothing is sent.


@dg.run_failure_sensor(
    name="tell_of_failed_loads",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description=(
        "Post failed loads to AMOCRM_ALERT_WEBHOOK_URL: which account, what happened, what to do. An account is told "
        "when it begins to fail, when it fails for another cause, and once a day while that lasts."
    ),
)
def notify_of_failed_loads(
    context: dg.RunFailureSensorContext, workbench: dg.ResourceParam[WarehouseResource]
) -> dg.SkipReason | None:
    """Tell of one run that failed, and of accounts that it loaded again."""
    settings, transitions = settings_or_none(workbench), transitions_of(context.dagster_run, workbench)
    failed, recovered = (
        with_transitions(failure_alert(context, settings), transitions),
        recovery_alert(context.dagster_run, settings, transitions),
    )
    # An error of the sensor would be no better heard, and would hide the failures behind this one.
    unsent = [notify(alert, workbench, context.log) for alert in (failed, recovered) if alert]
    return next((dg.SkipReason(reason) for reason in unsent if reason), None if unsent else dg.SkipReason(NOTHING_NEW))


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="tell_of_loads_that_work_again",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Post to AMOCRM_ALERT_WEBHOOK_URL which accounts were loaded whose loads had failed before.",
)
def notify_of_recovered_loads(
    context: dg.RunStatusSensorContext, workbench: dg.ResourceParam[WarehouseResource]
) -> dg.SkipReason | None:
    """Tell of the accounts of one run that are well again."""
    if workbench.alert_webhook_url is None:
        return dg.SkipReason(NO_WEBHOOK)
    alert = recovery_alert(
        context.dagster_run, settings_or_none(workbench), transitions_of(context.dagster_run, workbench)
    )
    unsent = notify(alert, workbench, context.log) if alert else "No account had failed before."
    return dg.SkipReason(unsent) if unsent else None


def with_transitions(alert: FailureAlert, transitions: Sequence[LoadTransition]) -> FailureAlert | None:
    """The alert with what is new about each account; None where nothing is.

    Where the warehouse does not know of all that the run failed of, such as its death, that itself is news.
    """
    if not are_errors_recorded(alert.errors, transitions):
        return alert
    sentences = describe_transitions(
        (transition for transition in transitions if transition.error), about_account=alert.account
    )
    if sentences is None:
        return None
    return replace(alert, what_happened=f"{sentences} {alert.what_happened}".lstrip())


def recovery_alert(
    run: dg.DagsterRun, settings: Settings | None, transitions: Sequence[LoadTransition]
) -> FailureAlert | None:
    """The alert for accounts that a run loaded again; None where there are none."""
    account = account_of(run, settings) or UNKNOWN_ACCOUNT
    sentences = describe_transitions(
        (transition for transition in transitions if not transition.error), about_account=account
    )
    if sentences is None:
        return None
    return FailureAlert(
        account=account,
        error=None,
        what_happened=sentences,
        what_to_do="",
        run_id=run.run_id,
        link=run_link(run, settings),
    )


def settings_or_none(workbench: WarehouseResource) -> Settings | None:
    """The settings; None where they cannot be used."""
    try:
        return workbench.settings
    except SettingsError:
        return None


def failure_alert(context: dg.RunFailureSensorContext, settings: Settings | None) -> FailureAlert:
    """The alert for a failed run, in the words of the step that failed where it found some."""
    run = context.dagster_run
    failures = (event.step_failure_data.user_failure_data for event in context.get_step_failure_events())
    user_failure = next(filter(None, failures), None)
    facts = {name: str(value.value) for name, value in user_failure.metadata.items()} if user_failure else {}
    return FailureAlert(
        account=account_of(run, settings) or facts.get("account", UNKNOWN_ACCOUNT),
        error=facts.get(ERROR_KEY, "RunFailure"),
        what_happened=(user_failure.description if user_failure else None) or failure_reason(context),
        what_to_do=facts.get(
            ADVICE_KEY, "See the run in Dagster. What is stored is intact; the next load tries again."
        ),
        run_id=run.run_id,
        link=run_link(run, settings),
        what=run_purpose(run),
    )


def run_link(run: dg.DagsterRun, settings: Settings | None) -> str | None:
    """The run's page, where it is known where people open those."""
    ui_url = settings.dagster_url if settings else None
    return f"{ui_url}/runs/{run.run_id}" if ui_url else None


def account_of(run: dg.DagsterRun, settings: Settings | None) -> str | None:
    """Whose run it is: by its partition, its configuration, or the only account there is; None where nothing tells."""
    if PARTITION_TAG in run.tags:
        return run.tags[PARTITION_TAG]
    if run.job_name != manage_account.name:
        return ALL_ACCOUNTS
    op_configs: Any = run.run_config.get("ops", {})
    account_key = op_configs.get(make_as_wanted.name, {}).get("config", {}).get("account")
    keys = [account.key for account in settings.all_accounts] if settings else []
    return str(account_key) if account_key else keys[0] if len(keys) == 1 else None


def run_purpose(run: dg.DagsterRun) -> str:
    """What a run was to do, in a word."""
    if is_load(run):
        return "load"
    if REPORT in (run.asset_selection or ()):
        return "report"
    return "change" if run.job_name == manage_account.name else run.job_name.replace("_", " ")


def failure_reason(context: dg.RunFailureSensorContext) -> str:
    """Why a run ended without a step that failed: what Dagster says of it, or of its process that is gone."""
    message = context.failure_event.message or "The run failed."
    if EXTERNAL_FAILURE not in message:
        return message
    events = context.instance.all_logs(context.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return next((event.message for event in reversed(events) if event.message), message)
