"""Checks of the receivers of alerts: their URLs, what they did not take, and a test message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Engine

from commands.doctor.check import Check, failed, ok, warning
from pipelines.alerts.apprise_service import is_valid_url
from pipelines.alerts.delivery import AlertNotSent, count_undelivered, deliver
from pipelines.base.clock import Clock
from pipelines.base.errors import DatabaseError, SettingsError
from pipelines.base.language import ENGLISH, Language, join_texts, lazy_gettext, lazy_ngettext
from pipelines.base.text import MAX_NAMES, join_names
from pipelines.config.receivers import Receiver
from pipelines.warehouse.engine import transaction

SUBJECT: Final = lazy_gettext("alerts: receivers")
TEST_SUBJECT: Final = lazy_gettext("alerts: test message")
ADVICE: Final = lazy_gettext("Correct AMOCRM_ALERT_WEBHOOK_URL or AMOCRM_ALERT_URLS.")


@dataclass(frozen=True, slots=True)
class SampleNotification:
    """Test message."""

    language: Language

    def payload(self) -> dict[str, str]:
        """JSON that is posted; ``kind`` is for programs."""
        return {
            "text": self.language.gettext("amoCRM: test alert, sent by 'doctor'. Nothing has failed."),
            "kind": "test",
        }


def check_receivers(receivers: Sequence[Receiver], engine: Engine | None) -> Iterator[Check]:
    """Check that Apprise accepts the URLs, and that no receiver misses alerts. Yield nothing without receivers."""
    if not receivers:
        return
    invalid = [receiver.name for receiver in receivers if not receiver.is_webhook and not is_valid_url(receiver.url)]
    if invalid:
        yield warning(
            SUBJECT,
            lazy_gettext(
                "Apprise does not accept the URL of %(names)s.", names=partial(join_names, invalid, MAX_NAMES)
            ),
            lazy_gettext("Write it in AMOCRM_ALERT_URLS as https://appriseit.com/services/ shows for the service."),
        )
        return
    undelivered = {}
    if engine is not None:
        try:
            with transaction(engine) as connection:
                undelivered = count_undelivered(connection)
        except DatabaseError:
            return  # the database checks report it
    if undelivered:
        counts = ", ".join(f"{name} ({count})" for name, count in undelivered.items())
        yield warning(
            SUBJECT,
            lazy_gettext("Alerts that were not accepted yet, by receiver: %(counts)s.", counts=counts),
            join_texts(ADVICE, lazy_gettext("Loads retry.")),
        )
    else:
        names = partial(join_names, [one.name for one in receivers], MAX_NAMES)
        yield ok(
            SUBJECT,
            lazy_ngettext(
                "%(count)s receiver: %(names)s.", "%(count)s receivers: %(names)s.", len(receivers), names=names
            ),
        )


def check_delivery(receivers: Sequence[Receiver], clock: Clock, language: Language = ENGLISH) -> Iterator[Check]:
    """Send a test message to each receiver, with the retries of an alert."""
    if not receivers:
        not_set = SettingsError(lazy_gettext("No receiver of alerts is set, or none is valid."), advice=ADVICE)
        yield failed(TEST_SUBJECT, not_set)
    for receiver in receivers:
        try:
            deliver([receiver], SampleNotification(language), sleep=clock.sleep)
        except AlertNotSent as error:
            yield failed(TEST_SUBJECT, SettingsError(str(error), advice=ADVICE))
        else:
            yield ok(
                TEST_SUBJECT,
                lazy_gettext("The %(name)s accepted the message. Check that it has arrived.", name=receiver.name),
            )
