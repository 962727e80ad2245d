"""How the load of one account ended, in short, so that a thousand of them take no memory worth speaking of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from pipelines.errors import UNEXPECTED, DatabaseUnavailable, RateLimited, Unavailable, WarehouseError, unexpected
from pipelines.load import Loaded

Status: TypeAlias = Literal["loaded", "superseded", "failed", "skipped"]
"""``superseded``: another load of the account was newer; ``skipped``: its turn never came."""

SKIPPED: Final = "Skipped"
"""In place of the kind of an error, where an account's turn never came."""

PASSING: Final = (Unavailable, RateLimited, DatabaseUnavailable)
"""Troubles that may be over in a few minutes. All others need a person, or at least the next load."""

_ITS_OWN: Final = re.compile(
    r"\b[a-z0-9-]+\.(?:amocrm\.ru|kommo\.com|amocrm\.com)\b"  # a host
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-][\d:]+)?"  # an instant
    r"|\d+(?:\.\d+)?(?= (?:second|minute|hour)s?\b)"  # a duration
    r"|\d{4,}"  # an id; what is shorter may be the status of an answer
)
"""What differs between messages of two accounts that tell of one cause, beside the account's key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Why an account was not loaded."""

    error: str  # kind of the error, as docs/operations.md lists them
    message: str  # what happened
    advice: str  # what to do next
    told: str  # both in one, about the account, with what is known beside
    exit_code: int
    is_passing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the load of one account ended: ``loaded`` is set, or ``trouble`` is."""

    account_key: str
    started_at: datetime
    ended_at: datetime
    status: Status
    loaded: Loaded | None = None
    trouble: Trouble | None = None
    untold: str | None = None  # why alerts on sizes wait for the next load, where they do

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def is_passing(self) -> bool:
        """Whether it failed for a reason that may be over soon."""
        return self.trouble is not None and self.trouble.is_passing


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """Accounts that were not loaded for one reason, with one thing to do about it."""

    error: str
    advice: str
    exit_code: int
    message: str  # of the first of them
    account_keys: tuple[str, ...]


def trouble_of(error: Exception, account_key: str) -> Trouble:
    """What an error means to whoever runs the load of that account."""
    if not isinstance(error, WarehouseError):
        message = unexpected(error)
        told = f"account '{account_key}': {message}"
        kind = type(error).__name__
        return Trouble(error=kind, message=message, advice="", told=told, exit_code=UNEXPECTED)
    error.account = error.account or account_key
    return Trouble(
        error=type(error).__name__,
        message=error.message,
        advice=error.advice,
        told=str(error),
        exit_code=error.exit_code,
        is_passing=isinstance(error, PASSING),
    )


def skipped(why: str, account_key: str) -> Trouble:
    """What it means to an account that its turn never came. The account that was the reason has the exit code."""
    advice = "Load it when that is over."
    told = f"account '{account_key}': {why} {advice}"
    return Trouble(error=SKIPPED, message=why, advice=advice, told=told, exit_code=0)


def causes_of(outcomes: Iterable[Outcome]) -> Sequence[Cause]:
    """What kept accounts from being loaded, most accounts first; those that were superseded are no trouble.

    Messages that differ by more than the account's key, host, ids and times are causes of their own.
    """
    found: defaultdict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.account_key):
        if outcome.trouble and outcome.status != "superseded":
            found[outcome.trouble.error, outcome.trouble.advice, _gist(outcome)].append(outcome)
    causes = [
        Cause(
            error=trouble.error,
            advice=trouble.advice,
            exit_code=trouble.exit_code,
            message=trouble.message,
            account_keys=tuple(outcome.account_key for outcome in those),
        )
        for those in found.values()
        if (trouble := those[0].trouble)
    ]
    return sorted(causes, key=lambda cause: -len(cause.account_keys))


def _gist(outcome: Outcome) -> str:
    """What happened, without what is this account's own."""
    message = outcome.trouble.message if outcome.trouble else ""
    return _ITS_OWN.sub("", message.replace(f"'{outcome.account_key}'", ""))
