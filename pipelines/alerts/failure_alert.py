"""Alert about a run that failed or works again, as a record and as the JSON message that contains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipelines.alerts.chat_text import indented
from pipelines.base.language import ENGLISH, Language, gettext_noop
from pipelines.report.failure_words import FAILURE_WORDS

ALL_ACCOUNTS: Final = "*"
"""Used instead of an account's key if something failed for all accounts."""

FAILED: Final = gettext_noop("amoCRM %(kind)s of %(account)s failed: %(text)s")
WORKS_AGAIN: Final = gettext_noop("amoCRM %(kind)s of %(account)s works again: %(text)s")
RUN_KINDS: Final[Mapping[str, str]] = {
    "load": gettext_noop("load"),
    "report": gettext_noop("report"),
    "change": gettext_noop("change"),
    "scan": gettext_noop("scan"),
}
"""Kinds of runs that have a name; others have the name of their job."""


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
    language: Language = ENGLISH

    @property
    def errors(self) -> list[str]:
        """Names of the errors; a run can fail with several."""
        return self.error.split(", ") if self.error else []

    @property
    def text(self) -> str:
        """Text of the message for services that show a single text. Errors in it are English."""
        language = self.language
        run = self.link or self.run_id
        lines = [
            language.gettext(
                FAILED if self.error else WORKS_AGAIN,
                kind=language.gettext(RUN_KINDS[self.what]) if self.what in RUN_KINDS else self.what,
                account=language.gettext("every account") if self.account == ALL_ACCOUNTS else f"'{self.account}'",
                text=" ".join([*self._error_words(), indented(language.render(self.what_happened))]),
            )
        ]
        if self.what_to_do:
            advice = indented(language.render(self.what_to_do))
            lines.append(language.gettext("What to do: %(advice)s", advice=advice))
        if run:
            lines.append(language.gettext("Run: %(run)s", run=run))
        return "\n".join(lines)

    def _error_words(self) -> list[str]:
        """Describe the errors in another language than English, in which they describe themselves."""
        if self.language == ENGLISH:
            return []
        words = [self.language.gettext(FAILURE_WORDS[name]) for name in self.errors if name in FAILURE_WORDS]
        return [f"{one if one.startswith('amoCRM') else one[0].upper() + one[1:]}." for one in words]

    def payload(self) -> dict[str, str | None]:
        """Build the JSON to post: ``text`` for Slack and similar services, the rest for programs."""
        return {
            "text": self.text,
            "account": self.account,
            "what": self.what,
            "error": self.error,
            "what_happened": self.language.render(self.what_happened),
            "what_to_do": self.language.render(self.what_to_do),
            "run_id": self.run_id,
            "link": self.link,
        }
