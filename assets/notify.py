"""Telling of a failure by the webhook, for whatever of Dagster finds one. It never fails itself."""

from __future__ import annotations

import logging
from typing import Final

from assets.resources import WarehouseResource
from pipelines.alerts.webhook import AlertNotSent, FailureAlert, send_alert

NO_WEBHOOK: Final = "Nobody is told: AMOCRM_ALERT_WEBHOOK_URL is not set."


def notify(alert: FailureAlert, workbench: WarehouseResource, log: logging.Logger) -> str | None:
    """Send it; why nobody was told, where that is so."""
    url = workbench.alert_webhook_url
    if url is None:
        return NO_WEBHOOK
    try:
        send_alert(url, alert, sleep=workbench.clock.sleep)
    except AlertNotSent as error:
        log.warning(str(error))
        return str(error)
    return None
