"""Check of the webhook by a test message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from commands.doctor.check import Check, failed, ok
from pipelines.alerts.webhook import AlertNotSent, send_alert
from pipelines.base.clock import Clock
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret

SUBJECT: Final = "alerts: test message"


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleNotification:
    """Test message."""

    def payload(self) -> dict[str, str]:
        """JSON that is posted; ``kind`` is for programs."""
        return {"text": "amoCRM: test alert, sent by 'doctor'. Nothing has failed.", "kind": "test"}


def check_webhook(url: Secret | None, clock: Clock) -> Iterator[Check]:
    """Send a test message, with the retries of an alert."""
    if url is None:
        not_set = SettingsError("AMOCRM_ALERT_WEBHOOK_URL is not set, or not a URL.", advice="Set it.")
        yield failed(SUBJECT, not_set)
        return
    try:
        send_alert(url, SampleNotification(), sleep=clock.sleep)
    except AlertNotSent as error:
        yield failed(SUBJECT, SettingsError(str(error), advice="Correct AMOCRM_ALERT_WEBHOOK_URL."))
    else:
        yield ok(SUBJECT, "The webhook accepted the message. Check that it has arrived.")
