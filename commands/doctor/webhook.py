"""A message sent to see whether alerts arrive. It goes the way that they go."""

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
    """A message that tells of nothing."""

    def payload(self) -> dict[str, str]:
        """The JSON that is posted; its ``kind`` is for programs."""
        return {"text": "amoCRM: this is a test of alerts, sent by 'doctor'. Nothing has failed.", "kind": "test"}


def check_webhook(url: Secret | None, clock: Clock) -> Iterator[Check]:
    """Whether the webhook takes a message, tried as often as an alert is."""
    if url is None:
        not_set = SettingsError("Nobody is told: AMOCRM_ALERT_WEBHOOK_URL is not set, or no address.", advice="Set it.")
        yield failed(SUBJECT, not_set)
        return
    try:
        send_alert(url, SampleNotification(), sleep=clock.sleep)
    except AlertNotSent as error:
        yield failed(SUBJECT, SettingsError(str(error), advice="Correct AMOCRM_ALERT_WEBHOOK_URL."))
    else:
        yield ok(SUBJECT, "The webhook took it. Look whether people see it.")
