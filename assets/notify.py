"""Failure alerts from schedules and sensors to the webhook."""

from __future__ import annotations

import logging
from typing import Final

from assets.resources import Warehouse
from pipelines.alerts.webhook import AlertNotSent, FailureAlert, send_alert

NO_WEBHOOK: Final = "No alert was sent: AMOCRM_ALERT_WEBHOOK_URL is not set."


def notify(alert: FailureAlert, workbench: Warehouse, log: logging.Logger) -> str | None:
    """Send the alert; return the reason if it was not sent. Raises nothing."""
    url = workbench.alert_webhook_url
    if url is None:
        return NO_WEBHOOK
    try:
        send_alert(url, alert, sleep=workbench.clock.sleep)
    except AlertNotSent as error:
        log.warning(str(error))
        return str(error)
    return None
