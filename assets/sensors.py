"""Who is told of a load that failed. How they are told is ``pipelines.alerts``' work."""

from __future__ import annotations

from typing import Final

import dagster as dg

from assets.failures import ADVICE, ERROR
from assets.resources import Workbench
from assets.schedules import PARTITION_TAG
from pipelines.alerts import Alert, AlertNotSent, send_alert
from pipelines.errors import SettingsError

FROM_OUTSIDE: Final = "marked as failed from outside"
UNSET: Final = "Nobody is told: AMOCRM_ALERT_WEBHOOK_URL is not set."


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
    try:
        url = workbench.settings.alert_webhook_url
        if url is None:
            return dg.SkipReason(UNSET)
        send_alert(url, as_alert(context, workbench.settings.dagster_url), sleep=workbench.clock.sleep)
    except (AlertNotSent, SettingsError) as error:
        # An error of the sensor would be no better heard, and would hide the failures behind this one.
        context.log.warning(str(error))
        return dg.SkipReason(str(error))
    return None


def as_alert(context: dg.RunFailureSensorContext, pages: str | None) -> Alert:
    """The alert for a failed run, in the words of the step that failed where it found some."""
    run = context.dagster_run
    failures = (event.step_failure_data.user_failure_data for event in context.get_step_failure_events())
    told = next(filter(None, failures), None)
    facts = {name: str(value.value) for name, value in told.metadata.items()} if told else {}
    return Alert(
        account=run.tags.get(PARTITION_TAG, "?"),
        error=facts.get(ERROR, "RunFailure"),
        what_happened=(told.description if told else None) or why_it_ended(context),
        what_to_do=facts.get(ADVICE, "See the run in Dagster. What is stored is intact; the next load tries again."),
        run_id=run.run_id,
        link=f"{pages}/runs/{run.run_id}" if pages else None,
    )


def why_it_ended(context: dg.RunFailureSensorContext) -> str:
    """Why a run ended without a step that failed: what Dagster says of it, or of its process that is gone."""
    said = context.failure_event.message or "The run failed."
    if FROM_OUTSIDE not in said:
        return said
    events = context.instance.all_logs(context.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return next((event.message for event in reversed(events) if event.message), said)
