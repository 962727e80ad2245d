"""Transitions of failing loads and scans: failing starts, the error changes, another day passes, or it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal, TypeAlias

from pipelines.base.language import Language, LazyText, gettext_noop, join_texts, lazy_gettext
from pipelines.base.text import join_names

FailureEvent: TypeAlias = Literal["begun", "changed", "lasting", "over"]

REMINDER_INTERVAL: Final = timedelta(days=1)
"""Interval of reminders about an account that keeps failing with the same error, counted from its
first failure."""

_HEADINGS: Final[Mapping[FailureEvent, str]] = {
    "begun": gettext_noop("Started failing: %(accounts)s."),
    "changed": gettext_noop("Now fails with a different error: %(accounts)s."),
    "lasting": gettext_noop("Still fails: %(accounts)s."),
    "over": gettext_noop("Loaded again: %(accounts)s."),
}

_SCAN_HEADINGS: Final[Mapping[FailureEvent, str]] = {
    **_HEADINGS,
    "over": gettext_noop("Scanned again: %(accounts)s."),
}

_ACCOUNTS: Final[Mapping[FailureEvent, str]] = {
    "begun": "%(account)s",
    "changed": gettext_noop("%(account)s (since %(time)s)"),
    "lasting": gettext_noop("%(account)s (since %(time)s)"),
    "over": gettext_noop("%(account)s (failed since %(time)s)"),
}

_SINGLE_ACCOUNT_TEMPLATES: Final[Mapping[FailureEvent, str]] = {
    "begun": "",
    "changed": gettext_noop("It has failed since %(time)s, now with a different error."),
    "lasting": gettext_noop("It has failed since %(time)s."),
    "over": gettext_noop("It had failed since %(time)s."),
}
"""Sentences added to a message about one account, which already says whose load failed or works
again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTransition:
    """Outcome of an account's load in a run, or of its scan, and the failure that receivers were notified of before."""

    account_key: str
    ended_at: datetime  # start of the run's last load
    error: str | None  # name of its error; None: it succeeded
    before_at: datetime | None  # start of the failed load that the last notification was about
    error_before: str | None  # name of its error; None: there was no notification since the last success
    since: datetime  # start of the first failed load after the last success
    is_scan: bool = False

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
        template = _SINGLE_ACCOUNT_TEMPLATES[event]
        return lazy_gettext(template, time=_format_minute(transition.since)) if template else ""
    headings = _SCAN_HEADINGS if events[0][0].is_scan else _HEADINGS
    accounts: dict[FailureEvent, list[LazyText]] = {event: [] for event in _HEADINGS}
    for transition, event in events:
        accounts[event].append(
            lazy_gettext(_ACCOUNTS[event], account=transition.account_key, time=_format_minute(transition.since))
        )
    return join_texts(
        *(
            lazy_gettext(headings[event], accounts=partial(_join_accounts, texts))
            for event, texts in accounts.items()
            if texts
        )
    )


def _join_accounts(texts: Sequence[str], language: Language) -> str:
    return join_names([language.render(text) for text in texts], language=language)


def _format_minute(timestamp: datetime) -> str:
    return f"{timestamp:%Y-%m-%d %H:%M} UTC"
