"""Telling somebody by a webhook: how, and of what failed. When to tell is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests

from pipelines.chat_text import indented, inert_payload
from pipelines.secret import Secret

TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect, and to wait for the answer's head; its body is not read."""

WAITS: Final = (1.0, 5.0)
"""Seconds before each further try after a passing trouble."""

PASSING: Final = frozenset({429, 500, 502, 503, 504})


EVERY_ACCOUNT: Final = "*"
"""In place of an account's key, where something failed for all of them."""


class Tellable(Protocol):
    """What can be sent. Holds no secret; ``send_alert`` makes its texts inert."""

    def payload(self) -> Mapping[str, Any]:
        """The JSON that is posted, with a ``text`` for services that show one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
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
        whose = "every account" if self.account == EVERY_ACCOUNT else f"'{self.account}'"
        outcome = "failed" if self.error else "works again"
        run = self.link or self.run_id
        lines = [
            f"amoCRM {self.what} of {whose} {outcome}: {indented(self.what_happened)}",
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


def send_alert(url: Secret, alert: Tellable, *, sleep: Callable[[float], None], waits: Sequence[float] = WAITS) -> None:
    """Post the alert as JSON; again after each wait. Redirects are not followed. Raises ``AlertNotSent``."""
    for wait in (*waits, None):
        trouble, is_passing = _post(url, alert)
        if trouble is None:
            return
        if wait is None or not is_passing:
            raise AlertNotSent(f"The webhook of AMOCRM_ALERT_WEBHOOK_URL {trouble}.")
        sleep(wait)


def _post(url: Secret, alert: Tellable) -> tuple[str | None, bool]:
    """What went wrong, if anything, and whether it may pass."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url.reveal(), json=inert_payload(alert.payload()), timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                if answer.ok and not answer.is_redirect:
                    return None, False
                return f"answered {answer.status_code}", answer.status_code in PASSING
        except (requests.ConnectionError, requests.Timeout) as error:
            return f"cannot be reached ({type(error).__name__})", True
        except requests.RequestException as error:
            return f"cannot be used ({type(error).__name__})", False
