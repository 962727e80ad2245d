"""What is new about accounts whose loads fail: that it began, has another cause, lasts one more day, or is over.

What became of loads is read by ``warehouse.outcomes``; how somebody is told is ``alerts``' subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from pipelines.wording import listed

News: TypeAlias = Literal["begun", "changed", "lasting", "over"]

REMINDED_EVERY: Final = timedelta(days=1)
"""How often somebody is told of an account that goes on failing for the same cause, counted from its first failure."""

_WORDS: Final[Mapping[News, tuple[str, str]]] = {
    "begun": ("Fails from now on", ""),
    "changed": ("Fails for another reason now", " (since {})"),
    "lasting": ("Still fails", " (since {})"),
    "over": ("Loaded again", " (failed since {})"),
}

_OF_ONE: Final[Mapping[News, str]] = {
    "begun": "",
    "changed": "It has failed since {}, now for another reason.",
    "lasting": "It has failed since {}.",
    "over": "It had failed since {}.",
}
"""What a message on one account leaves open, which says itself whose load failed or works again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How the load of an account ended in a run, and how the one before that run had."""

    account_key: str
    ended_at: datetime  # when the last load of the run began
    error: str | None  # kind of its error; None: it was loaded
    before_at: datetime | None  # when the last load before the run began, if it failed
    error_before: str | None  # kind of that one's error; None: it was loaded, or there was none
    since: datetime  # when the first load began that failed since one succeeded

    @property
    def news(self) -> News | None:
        """What is new about it; None where it goes on as it was."""
        if self.error is None:
            return "over" if self.error_before else None
        if self.before_at is None:
            return "begun"
        if self.error != self.error_before:
            return "changed"
        is_due = self._times_due(self.ended_at) > self._times_due(self.before_at)
        return "lasting" if is_due else None

    def _times_due(self, at: datetime) -> int:
        return (at - self.since) // REMINDED_EVERY


def in_words(courses: Iterable[Course], *, message_on: str) -> str | None:
    """What is new, such as "Fails from now on: acme. Still fails: beta (since 2026-11-01 10:00 UTC)."; None: nothing.

    In a message on that one account only what the rest of it leaves open, which may be an empty text.
    """
    new = [(course, course.news) for course in courses if course.news]
    if not new:
        return None
    if [course.account_key for course, _ in new] == [message_on]:
        [(course, news)] = new
        return _OF_ONE[news].format(_minute(course.since))
    told: dict[str, list[str]] = {what: [] for what, _ in _WORDS.values()}
    for course, news in new:
        what, since = _WORDS[news]
        told[what].append(course.account_key + since.format(_minute(course.since)))
    return " ".join(f"{what}: {listed(accounts)}." for what, accounts in told.items() if accounts)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
