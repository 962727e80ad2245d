"""Send alerts to a webhook, and the alert about a failed run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests

from pipelines.alerts.chat_text import indented, inert_payload
from pipelines.base.secret import Secret

TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect, and to wait for the response's header. The body is not read."""

RETRY_WAITS: Final = (1.0, 5.0)
"""Seconds before each retry of a transient error."""

TRANSIENT_STATUSES: Final = frozenset({429, 500, 502, 503, 504})

ALL_ACCOUNTS: Final = "*"
"""Used instead of an account's key if something failed for all accounts."""


class Notification(Protocol):
    """A message for the webhook. Must not contain secrets; ``send_alert`` escapes its texts."""

    def payload(self) -> Mapping[str, Any]:
        """Build the JSON to post, with a ``text`` for services that show a single text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureAlert:
    """Alert about a load or another run that failed, or, without an error, that works again."""

    account: str  # key of the account in the settings, or ALL_ACCOUNTS
    error: str | None  # name of the error, see docs/operations.md; None: it works again
    what_happened: str
    what_to_do: str
    run_id: str | None  # None: it failed before a run started
    link: str | None = None  # to the run in Dagster, if the UI's address is known
    what: str = "load"  # kind of run

    @property
    def errors(self) -> list[str]:
        """Names of the errors; a run can fail with several."""
        return self.error.split(", ") if self.error else []

    @property
    def text(self) -> str:
        """Text of the message for services that show a single text."""
        subject = "every account" if self.account == ALL_ACCOUNTS else f"'{self.account}'"
        outcome = "failed" if self.error else "works again"
        run = self.link or self.run_id
        lines = [
            f"amoCRM {self.what} of {subject} {outcome}: {indented(self.what_happened)}",
            f"What to do: {indented(self.what_to_do)}" if self.what_to_do else "",
            f"Run: {run}" if run else "",
        ]
        return "\n".join(filter(None, lines))

    def payload(self) -> dict[str, str | None]:
        """Build the JSON to post: ``text`` for Slack and similar services, the rest for programs."""
        return {
            "text": self.text,
            "account": self.account,
            "error": self.error,
            "what_happened": self.what_happened,
            "what_to_do": self.what_to_do,
            "run_id": self.run_id,
            "link": self.link,
        }


class AlertNotSent(Exception):
    """Raised if the webhook cannot be reached or rejects a message.

    Never contains the address, a secret.
    """


def send_alert(
    url: Secret, alert: Notification, *, sleep: Callable[[float], None], waits: Sequence[float] = RETRY_WAITS
) -> None:
    """Post the alert as JSON, and retry transient errors after each wait (seconds).

    Does not follow redirects.

    Raises ``AlertNotSent``.
    """
    for wait in (*waits, None):
        failure, is_transient = _post(url, alert)
        if failure is None:
            return
        if wait is None or not is_transient:
            raise AlertNotSent(f"The webhook of AMOCRM_ALERT_WEBHOOK_URL {failure}.")
        sleep(wait)


def _post(url: Secret, alert: Notification) -> tuple[str | None, bool]:
    """Post the alert once. Returns the error, if any, and whether it is transient."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url.reveal(), json=inert_payload(alert.payload()), timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                if response.ok and not response.is_redirect:
                    return None, False
                return f"answered {response.status_code}", response.status_code in TRANSIENT_STATUSES
        except (requests.ConnectionError, requests.Timeout) as error:
            return f"cannot be reached ({type(error).__name__})", True
        except (requests.RequestException, ValueError) as error:  # ValueError: a Location that is not UTF-8
            return f"cannot be used ({type(error).__name__})", False
