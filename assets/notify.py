"""Failure alerts from schedules and sensors to the webhook."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from assets.resources import Warehouse
from pipelines.alerts.delivery import AlertNotSent, deliver
from pipelines.alerts.failure_alert import FailureAlert
from pipelines.alerts.load_transitions import LoadTransition
from pipelines.load.failure_alerts import send_once

NO_RECEIVER: Final = "No alert was sent: neither AMOCRM_ALERT_WEBHOOK_URL nor AMOCRM_ALERT_URLS is set."


def notify(
    alert: FailureAlert, workbench: Warehouse, log: logging.Logger, transitions: Sequence[LoadTransition] = ()
) -> str | None:
    """Send the alert and record the transitions that it reports; return the reason if it was not sent.

    Raises nothing.
    """
    receivers = workbench.receivers
    if not receivers:
        return NO_RECEIVER
    try:
        if transitions:
            failure = send_once(workbench.engine, receivers, alert, transitions, sleep=workbench.clock.sleep)
        else:  # the warehouse may be what failed
            failure = deliver(receivers, alert, sleep=workbench.clock.sleep).failure
    except AlertNotSent as error:
        log.warning(str(error))
        return str(error)
    if failure:
        log.warning(failure)
    return None
