"""Sensors that send alerts about failed and recovered loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import dagster as dg

from assets.active_runs import is_load
from assets.dagster_errors import ADVICE_KEY, ERROR_KEY
from assets.load_failures import transitions_of
from assets.names import APPLY_OP, ASSET_JOB, FAILED_COUNT_KEY, JOBS, MANAGE_ACCOUNT, PARTITION_TAG, SCAN_CUSTOMERS
from assets.notify import NO_RECEIVER, notify
from assets.report import REPORT
from assets.resources import Warehouse
from assets.size_alerts import SIZE_ALERT
from assets.specs import PUBLISHED, RAW_ANSWER, VIEWS
from pipelines.alerts.failure_alert import ALL_ACCOUNTS, FailureAlert
from pipelines.alerts.load_transitions import LoadTransition, describe_transitions
from pipelines.base.errors import SettingsError
from pipelines.base.language import lazy_gettext
from pipelines.config.settings import Settings
from pipelines.load.failure_alerts import alert_language, failing, recovered, with_transitions

EXTERNAL_FAILURE: Final = "marked as failed from outside"
UNKNOWN_ACCOUNT: Final = "?"
"""Replaces the account's key if a run's account is unknown."""

NOTHING_NEW: Final = "No alert was sent: these accounts fail as before, and each is alerted once a day."

FOREIGN_RUN: Final = "No alert was sent: the run is of another job of the project."
SCAN_RUN: Final = "No alert was sent: a run that scans customers sends its own."
OUR_ASSETS: Final = frozenset({RAW_ANSWER, SIZE_ALERT.key, REPORT, *(spec.key for spec in (*PUBLISHED, *VIEWS))})

# Both sensors run by default. Without a receiver of alerts they send nothing.


@dg.run_failure_sensor(
    name="tell_of_failed_loads",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description=(
        "Send alerts about failed loads: which account, what happened, what to do. An alert is sent "
        "when an account starts failing, fails with a different error, or has failed for another day."
    ),
)
def notify_of_failed_loads(
    context: dg.RunFailureSensorContext, workbench: dg.ResourceParam[Warehouse]
) -> dg.SkipReason | None:
    """Send alerts about one failed run: its failures, and the accounts that it loaded after earlier failures."""
    if not is_ours(context.dagster_run):
        return dg.SkipReason(FOREIGN_RUN)
    error = step_error(context)
    if error and FAILED_COUNT_KEY in error.metadata:
        return dg.SkipReason(SCAN_RUN)
    settings, transitions = settings_or_none(workbench), transitions_of(context.dagster_run, workbench)
    alerts = (
        (with_transitions(failure_alert(context, settings), transitions), failing(transitions)),
        (recovery_alert(context.dagster_run, settings, transitions), recovered(transitions)),
    )
    # An unsent alert is no error of the sensor: Dagster would not process the failures after this one.
    unsent = [notify(alert, workbench, context.log, reported) for alert, reported in alerts if alert]
    return next((dg.SkipReason(reason) for reason in unsent if reason), None if unsent else dg.SkipReason(NOTHING_NEW))


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="tell_of_loads_that_work_again",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Send alerts about accounts that recovered: loaded after a failed load.",
)
def notify_of_recovered_loads(
    context: dg.RunStatusSensorContext, workbench: dg.ResourceParam[Warehouse]
) -> dg.SkipReason | None:
    """Send an alert about the accounts of one run that recovered."""
    if not workbench.receivers:
        return dg.SkipReason(NO_RECEIVER)
    transitions = recovered(transitions_of(context.dagster_run, workbench))
    alert = recovery_alert(context.dagster_run, settings_or_none(workbench), transitions)
    unsent = notify(alert, workbench, context.log, transitions) if alert else "No account had failed before."
    return dg.SkipReason(unsent) if unsent else None


def is_ours(run: dg.DagsterRun) -> bool:
    """Return False for runs of a project that uses the component beside jobs and assets of its own."""
    if run.job_name in JOBS:
        return True
    return run.job_name == ASSET_JOB and not (run.asset_selection and OUR_ASSETS.isdisjoint(run.asset_selection))


def recovery_alert(
    run: dg.DagsterRun, settings: Settings | None, transitions: Sequence[LoadTransition]
) -> FailureAlert | None:
    """Build the alert about accounts that recovered; None if there are none."""
    account = account_of(run, settings) or UNKNOWN_ACCOUNT
    sentences = describe_transitions(recovered(transitions), about_account=account)
    if sentences is None:
        return None
    return FailureAlert(
        account=account,
        error=None,
        what_happened=sentences,
        what_to_do="",
        run_id=run.run_id,
        link=run_link(run, settings),
        language=alert_language(settings, account),
    )


def settings_or_none(workbench: Warehouse) -> Settings | None:
    """Return the settings; None if they are invalid."""
    try:
        return workbench.settings
    except SettingsError:
        return None


def failure_alert(context: dg.RunFailureSensorContext, settings: Settings | None) -> FailureAlert:
    """Build the alert about a failed run, from the failed step's error if it has one."""
    run, error = context.dagster_run, step_error(context)
    facts = {name: str(value.value) for name, value in error.metadata.items()} if error else {}
    account = account_of(run, settings) or facts.get("account", UNKNOWN_ACCOUNT)
    return FailureAlert(
        account=account,
        error=facts.get(ERROR_KEY, "RunFailure"),
        what_happened=(error.description if error else None) or failure_reason(context),
        what_to_do=facts.get(
            ADVICE_KEY, lazy_gettext("See the run in Dagster. Stored data are intact, and the next load retries.")
        ),
        run_id=run.run_id,
        link=run_link(run, settings),
        what=run_purpose(run),
        language=alert_language(settings, account),
    )


def step_error(context: dg.RunFailureSensorContext) -> Any:
    """Return the failed step's ``dg.Failure``, with its description and metadata; None if it failed otherwise."""
    errors = (event.step_failure_data.user_failure_data for event in context.get_step_failure_events())
    return next(filter(None, errors), None)


def run_link(run: dg.DagsterRun, settings: Settings | None) -> str | None:
    """Return the link to the run's page; None if AMOCRM_DAGSTER_URL is not set."""
    ui_url = settings.dagster_url if settings else None
    return f"{ui_url}/runs/{run.run_id}" if ui_url else None


def account_of(run: dg.DagsterRun, settings: Settings | None) -> str | None:
    """Return the run's account, by its partition, its configuration or the only account; None if it is unknown."""
    if PARTITION_TAG in run.tags:
        return run.tags[PARTITION_TAG]
    if run.job_name != MANAGE_ACCOUNT:
        return ALL_ACCOUNTS
    op_configs: Any = run.run_config.get("ops", {})
    account_key = op_configs.get(APPLY_OP, {}).get("config", {}).get("account")
    keys = [account.key for account in settings.all_accounts] if settings else []
    return str(account_key) if account_key else keys[0] if len(keys) == 1 else None


def run_purpose(run: dg.DagsterRun) -> str:
    """Return the run's purpose in a word, such as 'load' or 'report'."""
    if is_load(run):
        return "load"
    if REPORT in (run.asset_selection or ()):
        return "report"
    if run.job_name == SCAN_CUSTOMERS:
        return "scan"
    return "change" if run.job_name == MANAGE_ACCOUNT else run.job_name.replace("_", " ")


def failure_reason(context: dg.RunFailureSensorContext) -> str:
    """Return Dagster's reason for a run that failed without a failed step, such as a process that is gone."""
    message = context.failure_event.message or "The run failed."
    if EXTERNAL_FAILURE not in message:
        return message
    events = context.instance.all_logs(context.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return next((event.message for event in reversed(events) if event.message), message)
