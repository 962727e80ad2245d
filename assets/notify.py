"""Failure alerts from schedules and sensors to the webhook."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from assets.resources import Warehouse
from pipelines.alerts.load_transitions import LoadTransition
from pipelines.alerts.webhook import AlertNotSent, FailureAlert, send_alert
from pipelines.load.failure_alerts import send_once

NO_WEBHOOK: Final = "No alert was sent: AMOCRM_ALERT_WEBHOOK_URL is not set."


def notify(
    alert: FailureAlert, workbench: Warehouse, log: logging.Logger, transitions: Sequence[LoadTransition] = ()
) -> str | None:
    """Send the alert and record the transitions that it reports; return the reason if it was not sent.

    Raises nothing.
    """
    url = workbench.alert_webhook_url
    if url is None:
        return NO_WEBHOOK
    try:
        if transitions:
            send_once(workbench.engine, url, alert, transitions, sleep=workbench.clock.sleep)
        else:  # the warehouse may be what failed
            send_alert(url, alert, sleep=workbench.clock.sleep)
    except AlertNotSent as error:
        log.warning(str(error))
        return str(error)
    return None
