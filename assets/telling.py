"""Telling of a failure by the webhook, for whatever of Dagster finds one. It never fails itself."""

from __future__ import annotations

import logging
from typing import Final

from assets.resources import Workbench
from pipelines.alerts import Alert, AlertNotSent, send_alert

UNSET: Final = "Nobody is told: AMOCRM_ALERT_WEBHOOK_URL is not set."


def tell(alert: Alert, workbench: Workbench, log: logging.Logger) -> str | None:
    """Send it; why nobody was told, where that is so."""
    url = workbench.alert_webhook_url
    if url is None:
        return UNSET
    try:
        send_alert(url, alert, sleep=workbench.clock.sleep)
    except AlertNotSent as error:
        log.warning(str(error))
        return str(error)
    return None
