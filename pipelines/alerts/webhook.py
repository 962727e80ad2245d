"""Telling somebody by a webhook: how, and of what failed. When to tell is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests

from pipelines.alerts.chat_text import indented, inert_payload
from pipelines.base.secret import Secret

TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect, and to wait for the answer's head; its body is not read."""

RETRY_WAITS: Final = (1.0, 5.0)
"""Seconds before each further try after a passing trouble."""

TRANSIENT_STATUSES: Final = frozenset({429, 500, 502, 503, 504})


ALL_ACCOUNTS: Final = "*"
"""In place of an account's key, where something failed for all of them."""


class Notification(Protocol):
    """What can be sent. Holds no secret; ``send_alert`` makes its texts inert."""

    def payload(self) -> Mapping[str, Any]:
        """The JSON that is posted, with a ``text`` for services that show one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureAlert:
    """A load, or another run, that failed, and what to do about it; or, without an error, that works again."""

    account: str  # key of the account in the settings, or EVERY_ACCOUNT
    error: str | None  # kind of the error, as docs/operations.md lists them; None: it works again
    what_happened: str
    what_to_do: str
    run_id: str | None  # None: it failed before there was a run
    link: str | None = None  # to the run in Dagster, where its address is known
    what: str = "load"  # that failed

    @property
    def errors(self) -> list[str]:
        """The kinds of errors, where a run failed of several."""
        return self.error.split(", ") if self.error else []

    @property
    def text(self) -> str:
        """All of it in a few lines, for services that show one text."""
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
        """The JSON that is posted: ``text`` is what Slack and its likes show, the rest is for programs."""
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
    """The webhook could not be reached or refused. The message never holds its address, which often holds a key."""


def send_alert(
    url: Secret, alert: Notification, *, sleep: Callable[[float], None], waits: Sequence[float] = RETRY_WAITS
) -> None:
    """Post the alert as JSON; again after each wait. Redirects are not followed. Raises ``AlertNotSent``."""
    for wait in (*waits, None):
        failure, is_transient = _post(url, alert)
        if failure is None:
            return
        if wait is None or not is_transient:
            raise AlertNotSent(f"The webhook of AMOCRM_ALERT_WEBHOOK_URL {failure}.")
        sleep(wait)


def _post(url: Secret, alert: Notification) -> tuple[str | None, bool]:
    """What went wrong, if anything, and whether it may pass."""
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
        except requests.RequestException as error:
            return f"cannot be used ({type(error).__name__})", False
