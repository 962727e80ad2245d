"""Alert about a run that failed or works again, as a record and as the JSON message that contains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipelines.alerts.chat_text import indented

ALL_ACCOUNTS: Final = "*"
"""Used instead of an account's key if something failed for all accounts."""


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
