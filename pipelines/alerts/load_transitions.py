"""What is new about accounts whose loads fail: that it began, has another cause, lasts one more day, or is over.

What became of loads is read by ``warehouse.outcomes``; how somebody is told is ``alerts``' subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from pipelines.base.text import join_names

FailureEvent: TypeAlias = Literal["begun", "changed", "lasting", "over"]

REMINDER_INTERVAL: Final = timedelta(days=1)
"""How often somebody is told of an account that goes on failing for the same cause, counted from its first failure."""

_TEMPLATES: Final[Mapping[FailureEvent, tuple[str, str]]] = {
    "begun": ("Fails from now on", ""),
    "changed": ("Fails for another reason now", " (since {})"),
    "lasting": ("Still fails", " (since {})"),
    "over": ("Loaded again", " (failed since {})"),
}

_SINGLE_ACCOUNT_TEMPLATES: Final[Mapping[FailureEvent, str]] = {
    "begun": "",
    "changed": "It has failed since {}, now for another reason.",
    "lasting": "It has failed since {}.",
    "over": "It had failed since {}.",
}
"""What a message on one account leaves open, which says itself whose load failed or works again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTransition:
    """How the load of an account ended in a run, and how the one before that run had."""

    account_key: str
    ended_at: datetime  # when the last load of the run began
    error: str | None  # kind of its error; None: it was loaded
    before_at: datetime | None  # when the last load before the run began, if it failed
    error_before: str | None  # kind of that one's error; None: it was loaded, or there was none
    since: datetime  # when the first load began that failed since one succeeded

    @property
    def event(self) -> FailureEvent | None:
        """What is new about it; None where it goes on as it was."""
        if self.error is None:
            return "over" if self.error_before else None
        if self.before_at is None:
            return "begun"
        if self.error != self.error_before:
            return "changed"
        is_due = self._reminders_due(self.ended_at) > self._reminders_due(self.before_at)
        return "lasting" if is_due else None

    def _reminders_due(self, at: datetime) -> int:
        return (at - self.since) // REMINDER_INTERVAL


def describe_transitions(transitions: Iterable[LoadTransition], *, about_account: str) -> str | None:
    """What is new, such as "Fails from now on: acme. Still fails: beta (since 2026-11-01 10:00 UTC)."; None: nothing.

    In a message on that one account only what the rest of it leaves open, which may be an empty text.
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
