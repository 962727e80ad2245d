"""How the load of one account ended, in short, so that a thousand of them take no memory worth speaking of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from pipelines.base.errors import (
    UNEXPECTED_EXIT_CODE,
    DatabaseUnavailable,
    RateLimited,
    Unavailable,
    WarehouseError,
    describe_unexpected,
)
from pipelines.load.load import PublishedLoad

Status: TypeAlias = Literal["loaded", "superseded", "failed", "skipped"]
"""``superseded``: another load of the account was newer; ``skipped``: its turn never came."""

SKIPPED_ERROR_NAME: Final = "Skipped"
"""In place of the kind of an error, where an account's turn never came."""

TRANSIENT_ERRORS: Final = (Unavailable, RateLimited, DatabaseUnavailable)
"""Troubles that may be over in a few minutes. All others need a person, or at least the next load."""

_ACCOUNT_SPECIFIC: Final = re.compile(
    r"\b[a-z0-9-]+\.(?:amocrm\.ru|kommo\.com|amocrm\.com)\b"  # a host
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-][\d:]+)?"  # an instant
    r"|\d+(?:\.\d+)?(?= (?:second|minute|hour)s?\b)"  # a duration
    r"|\d{4,}"  # an id; what is shorter may be the status of an answer
)
"""What differs between messages of two accounts that tell of one cause, beside the account's key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorReport:
    """Why an account was not loaded."""

    error: str  # kind of the error, as docs/operations.md lists them
    message: str  # what happened
    advice: str  # what to do next
    full_text: str  # both in one, about the account, with what is known beside
    exit_code: int
    is_transient: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """How the load of one account ended: ``loaded`` is set, or ``trouble`` is."""

    account_key: str
    started_at: datetime
    ended_at: datetime
    status: Status
    loaded: PublishedLoad | None = None
    failure: ErrorReport | None = None
    alert_error: str | None = None  # why alerts on sizes wait for the next load, where they do

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def is_transient(self) -> bool:
        """Whether it failed for a reason that may be over soon."""
        return self.failure is not None and self.failure.is_transient


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Accounts that were not loaded for one reason, with one thing to do about it."""

    error: str
    advice: str
    exit_code: int
    message: str  # of the first of them
    account_keys: tuple[str, ...]


def report_error(error: Exception, account_key: str) -> ErrorReport:
    """What an error means to whoever runs the load of that account."""
    if not isinstance(error, WarehouseError):
        message = describe_unexpected(error)
        full_text = f"account '{account_key}': {message}"
        error_name = type(error).__name__
        return ErrorReport(
            error=error_name, message=message, advice="", full_text=full_text, exit_code=UNEXPECTED_EXIT_CODE
        )
    error.account = error.account or account_key
    return ErrorReport(
        error=type(error).__name__,
        message=error.message,
        advice=error.advice,
        full_text=str(error),
        exit_code=error.exit_code,
        is_transient=isinstance(error, TRANSIENT_ERRORS),
    )


def report_skipped(reason: str, account_key: str) -> ErrorReport:
    """What it means to an account that its turn never came. The account that was the reason has the exit code."""
    advice = "Load it when that is over."
    full_text = f"account '{account_key}': {reason} {advice}"
    return ErrorReport(error=SKIPPED_ERROR_NAME, message=reason, advice=advice, full_text=full_text, exit_code=0)


def group_failures(results: Iterable[LoadResult]) -> Sequence[FailureGroup]:
    """What kept accounts from being loaded, most accounts first; those that were superseded are no trouble.

    Messages that differ by more than the account's key, host, ids and times are causes of their own.
    """
    by_reason: defaultdict[tuple[str, str, str], list[LoadResult]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.account_key):
        if result.failure and result.status != "superseded":
            by_reason[result.failure.error, result.failure.advice, _without_ids(result)].append(result)
    groups = [
        FailureGroup(
            error=failure.error,
            advice=failure.advice,
            exit_code=failure.exit_code,
            message=failure.message,
            account_keys=tuple(result.account_key for result in group),
        )
        for group in by_reason.values()
        if (failure := group[0].failure)
    ]
    return sorted(groups, key=lambda group: -len(group.account_keys))


def _without_ids(result: LoadResult) -> str:
    """What happened, without what is this account's own."""
    message = result.failure.message if result.failure else ""
    return _ACCOUNT_SPECIFIC.sub("", message.replace(f"'{result.account_key}'", ""))
