"""Deliver a message to every receiver, and keep it for those that did not take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Protocol
from uuid import uuid4

from sqlalchemy import Connection

from pipelines.alerts.apprise_service import send_text
from pipelines.alerts.chat_text import inert_payload
from pipelines.alerts.webhook import post_json
from pipelines.config.receivers import Receiver
from pipelines.warehouse.publish import to_jsonb
from pipelines.warehouse.queries import statement

RETRY_WAITS: Final = (1.0, 5.0)
"""Seconds before each retry of a transient error."""

MAX_SECONDS: Final = 30.0
"""Time that one receiver has for one message. The timeouts of sockets restart with every byte received."""


class Notification(Protocol):
    """A message. Must not contain secrets; ``deliver`` escapes its texts."""

    def payload(self) -> Mapping[str, Any]:
        """Build the JSON to post, with a ``text`` for services that show a single text."""


class AlertNotSent(Exception):
    """Raised if no receiver took a message.

    Never contains an address, a secret.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """Result of a delivery that at least one receiver took."""

    payload: Mapping[str, Any]
    failures: Mapping[str, str]  # error by the name of each receiver that did not take it

    @property
    def failure(self) -> str | None:
        """The errors as a text; None if every receiver took the message."""
        return " ".join(self.failures.values()) or None


def deliver(
    receivers: Sequence[Receiver],
    alert: Notification,
    *,
    sleep: Callable[[float], None],
    waits: Sequence[float] = RETRY_WAITS,
) -> Delivery:
    """Send the alert to every receiver, and retry transient errors after each wait (seconds).

    Raises ``AlertNotSent`` if no receiver took it. If some did, the alert counts as sent: pass the
    result to ``keep_undelivered`` for the others.
    """
    payload = inert_payload(alert.payload())
    results = {receiver.name: _send(receiver, payload, sleep, waits) for receiver in receivers}
    failures = {name: failure for name, failure in results.items() if failure}
    if failures and len(failures) == len(receivers):
        raise AlertNotSent(" ".join(failures.values()))
    return Delivery(payload=payload, failures=failures)


def keep_undelivered(connection: Connection, delivery: Delivery) -> None:
    """Store a message for the receivers that did not take it."""
    for name in delivery.failures:
        connection.execute(
            statement("insert_undelivered_alert"),
            {"alert_id": uuid4(), "receiver": name, "payload": to_jsonb(dict(delivery.payload))},
        )


def retry_undelivered(
    connection: Connection, receivers: Sequence[Receiver], *, sleep: Callable[[float], None]
) -> str | None:
    """Send stored messages again, and return the error of the first receiver that still does not take them.

    Messages to receivers that are no longer set, or that are too old, are deleted.
    """
    by_name = {receiver.name: receiver for receiver in receivers}
    connection.execute(statement("expire_undelivered_alerts"), {"receivers": list(by_name)})
    failures: dict[str, str] = {}
    for row in connection.execute(statement("claim_undelivered_alerts")).all():
        failure = failures.get(row.receiver) or _send(by_name[row.receiver], row.payload, sleep, ())
        if failure:
            failures[row.receiver] = failure
        connection.execute(
            statement("delay_undelivered_alert" if failure else "delete_undelivered_alert"), {"alert_id": row.alert_id}
        )
    return next(iter(failures.values()), None)


def count_undelivered(connection: Connection) -> dict[str, int]:
    """Count the stored messages by the name of their receiver."""
    return {row.receiver: row.alert_count for row in connection.execute(statement("undelivered_alert_counts"))}


def _send(
    receiver: Receiver, payload: Mapping[str, Any], sleep: Callable[[float], None], waits: Sequence[float]
) -> str | None:
    """Send a message to one receiver. Returns the error, if any."""
    for wait in (*waits, None):
        failure, is_transient = _send_once(receiver, payload)
        if failure is None:
            return None
        if wait is None or not is_transient:
            break
        sleep(wait)
    if receiver.is_webhook:
        return f"The webhook of AMOCRM_ALERT_WEBHOOK_URL {failure}."
    return f"The receiver '{receiver.name}' of AMOCRM_ALERT_URLS {failure}."


def _send_once(receiver: Receiver, payload: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Send a message to one receiver once, in a thread that is abandoned after ``MAX_SECONDS``.

    Returns the error, if any, and whether it is transient.
    """
    results = SimpleQueue[tuple[str | None, bool]]()

    def send() -> None:
        try:
            is_webhook, url = receiver.is_webhook, receiver.url
            results.put(post_json(url, payload) if is_webhook else send_text(url, str(payload["text"])))
        except Exception as error:  # noqa: BLE001 - a thread would print it, and its text may contain the URL
            results.put((f"cannot be used ({type(error).__name__})", False))

    Thread(target=send, name="alert", daemon=True).start()
    try:
        return results.get(timeout=MAX_SECONDS)
    except Empty:
        return f"did not respond completely within {MAX_SECONDS:.0f} s", False
