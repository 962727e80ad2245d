"""Transitions of failing accounts: failing starts, the error changes, another day passes, or the account recovers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from pipelines.base.text import join_names

FailureEvent: TypeAlias = Literal["begun", "changed", "lasting", "over"]

REMINDER_INTERVAL: Final = timedelta(days=1)
"""Interval of reminders about an account that keeps failing with the same error, counted from its
first failure."""

_TEMPLATES: Final[Mapping[FailureEvent, tuple[str, str]]] = {
    "begun": ("Started failing", ""),
    "changed": ("Now fails with a different error", " (since {})"),
    "lasting": ("Still fails", " (since {})"),
    "over": ("Loaded again", " (failed since {})"),
}

_SINGLE_ACCOUNT_TEMPLATES: Final[Mapping[FailureEvent, str]] = {
    "begun": "",
    "changed": "It has failed since {}, now with a different error.",
    "lasting": "It has failed since {}.",
    "over": "It had failed since {}.",
}
"""Sentences added to a message about one account, which already says whose load failed or works
again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTransition:
    """Outcome of an account's load in a run, and the failure that the webhook was notified of before."""

    account_key: str
    ended_at: datetime  # start of the run's last load
    error: str | None  # name of its error; None: it succeeded
    before_at: datetime | None  # start of the failed load that the last notification was about
    error_before: str | None  # name of its error; None: there was no notification since the last success
    since: datetime  # start of the first failed load after the last success

    @property
    def event(self) -> FailureEvent | None:
        """Event to report; None if nothing changed."""
        if self.error is None:
            return "over" if self.error_before else None
        if self.before_at is None:
            return "begun"
        if self.error != self.error_before:
            return "changed"
        is_due = self._reminders_due(self.ended_at) > self._reminders_due(self.before_at)
        return "lasting" if is_due else None

    def _reminders_due(self, at: datetime) -> int:
        """Count the reminders that were due by an instant."""
        return (at - self.since) // REMINDER_INTERVAL


def describe_transitions(transitions: Iterable[LoadTransition], *, about_account: str) -> str | None:
    """Describe the events; None if there are none.

    An example: "Started failing: acme. Still fails: beta (since 2026-11-01 10:00 UTC)." If the only
    event is about ``about_account``, the account of the message, the text contains only what the
    message does not say, and may be empty.
    """
    events = [(transition, transition.event) for transition in transitions if transition.event]
    if not events:
        return None
    if [transition.account_key for transition, _ in events] == [about_account]:
        [(transition, event)] = events
        return _SINGLE_ACCOUNT_TEMPLATES[event].format(_format_minute(transition.since))
    accounts_by_phrase: dict[str, list[str]] = {phrase: [] for phrase, _ in _TEMPLATES.values()}
    for transition, event in events:
        phrase, since = _TEMPLATES[event]
        accounts_by_phrase[phrase].append(transition.account_key + since.format(_format_minute(transition.since)))
    return " ".join(f"{phrase}: {join_names(accounts)}." for phrase, accounts in accounts_by_phrase.items() if accounts)


def _format_minute(timestamp: datetime) -> str:
    return f"{timestamp:%Y-%m-%d %H:%M} UTC"
