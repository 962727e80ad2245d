"""Who is told of loads that fail, and of those that work again. How they are told is ``pipelines.alerts``' work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import dagster as dg

from assets.failures import ADVICE, ERROR
from assets.load_news import courses_of, is_explained
from assets.on_their_way import PARTITION_TAG, is_load
from assets.report import REPORT
from assets.resources import Workbench
from assets.telling import UNSET, tell
from assets.write_back import make_as_wanted, manage_account
from pipelines.alerts import EVERY_ACCOUNT, Alert
from pipelines.errors import SettingsError
from pipelines.failing import Course, in_words
from pipelines.settings import Settings

FROM_OUTSIDE: Final = "marked as failed from outside"
UNKNOWN: Final = "?"
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
def tell_of_failed_loads(
    context: dg.RunFailureSensorContext, workbench: dg.ResourceParam[Workbench]
) -> dg.SkipReason | None:
    """Tell of one run that failed, and of accounts that it loaded again."""
    settings, courses = settings_of(workbench), courses_of(context.dagster_run, workbench)
    failed, again = as_news(as_alert(context, settings), courses), as_end(context.dagster_run, settings, courses)
    # An error of the sensor would be no better heard, and would hide the failures behind this one.
    untold = [tell(alert, workbench, context.log) for alert in (failed, again) if alert]
    return next((dg.SkipReason(why) for why in untold if why), None if untold else dg.SkipReason(NOTHING_NEW))


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="tell_of_loads_that_work_again",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Post to AMOCRM_ALERT_WEBHOOK_URL which accounts were loaded whose loads had failed before.",
)
def tell_of_loads_that_work_again(
    context: dg.RunStatusSensorContext, workbench: dg.ResourceParam[Workbench]
) -> dg.SkipReason | None:
    """Tell of the accounts of one run that are well again."""
    if workbench.alert_webhook_url is None:
        return dg.SkipReason(UNSET)
    alert = as_end(context.dagster_run, settings_of(workbench), courses_of(context.dagster_run, workbench))
    untold = tell(alert, workbench, context.log) if alert else "No account had failed before."
    return dg.SkipReason(untold) if untold else None


def as_news(alert: Alert, courses: Sequence[Course]) -> Alert | None:
    """The alert with what is new about each account; None where nothing is.

    Where the warehouse does not know of all that the run failed of, such as its death, that itself is news.
    """
    if not is_explained(alert.errors, courses):
        return alert
    news = in_words((course for course in courses if course.error), message_on=alert.account)
    if news is None:
        return None
    return replace(alert, what_happened=f"{news} {alert.what_happened}".lstrip())


def as_end(run: dg.DagsterRun, settings: Settings | None, courses: Sequence[Course]) -> Alert | None:
    """The alert for accounts that a run loaded again; None where there are none."""
    account = account_of(run, settings) or UNKNOWN
    news = in_words((course for course in courses if not course.error), message_on=account)
    if news is None:
        return None
    return Alert(
        account=account,
        error=None,
        what_happened=news,
        what_to_do="",
        run_id=run.run_id,
        link=link_to(run, settings),
    )


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
    return Alert(
        account=account_of(run, settings) or facts.get("account", UNKNOWN),
        error=facts.get(ERROR, "RunFailure"),
        what_happened=(told.description if told else None) or why_it_ended(context),
        what_to_do=facts.get(ADVICE, "See the run in Dagster. What is stored is intact; the next load tries again."),
        run_id=run.run_id,
        link=link_to(run, settings),
        what=what_failed(run),
    )


def link_to(run: dg.DagsterRun, settings: Settings | None) -> str | None:
    """The run's page, where it is known where people open those."""
    pages = settings.dagster_url if settings else None
    return f"{pages}/runs/{run.run_id}" if pages else None


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
