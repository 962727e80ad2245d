"""Results of the loads of a fleet, small enough to hold thousands in memory, and their grouping by error."""

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
from pipelines.base.file_error import as_known_error
from pipelines.load.load import PublishedLoad

Status: TypeAlias = Literal["loaded", "superseded", "failed", "skipped"]
"""``superseded``: another load of the account was newer; ``skipped``: the fleet stopped before
it."""

SKIPPED_ERROR_NAME: Final = "Skipped"
"""Stored instead of an error's name for accounts that were skipped."""

TRANSIENT_ERRORS: Final = (Unavailable, RateLimited, DatabaseUnavailable)
"""Errors that a retry after a few minutes may cure. All others need a person, or at least the next
load."""

_ACCOUNT_SPECIFIC: Final = re.compile(
    r"\b[a-z0-9-]+\.(?:amocrm\.ru|kommo\.com|amocrm\.com)\b"  # a host
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-][\d:]+)?"  # an instant
    r"|\d+(?:\.\d+)?(?= (?:second|minute|hour)s?\b)"  # a duration
    r"|\d{4,}"  # an id; a shorter number may be an HTTP status
)
"""Parts of a message, beside the account's key, that differ between accounts with the same
cause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorReport:
    """Why an account was not loaded."""

    error: str  # name of the error, see docs/operations.md
    message: str
    advice: str  # what to do next
    full_text: str  # account, message, advice and known details
    exit_code: int
    is_transient: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """Result of one account's load. Either ``loaded`` or ``failure`` is set."""

    account_key: str
    started_at: datetime
    ended_at: datetime
    status: Status
    loaded: PublishedLoad | None = None
    failure: ErrorReport | None = None
    alert_error: str | None = None  # the error if alerts were postponed to the next load

    @property
    def seconds(self) -> float:
        """Duration of the load."""
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def is_transient(self) -> bool:
        """True if it failed with a transient error."""
        return self.failure is not None and self.failure.is_transient


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Accounts that were not loaded for the same reason, with the same advice."""

    error: str
    advice: str
    exit_code: int
    message: str  # of the first of them
    account_keys: tuple[str, ...]


def report_error(error: Exception, account_key: str) -> ErrorReport:
    """Describe an error of that account's load."""
    error = as_known_error(error)
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
    """Describe why an account was skipped.

    The exit code is that of the account that stopped the fleet.
    """
    advice = "Load it once that is resolved."
    full_text = f"account '{account_key}': {reason} {advice}"
    return ErrorReport(error=SKIPPED_ERROR_NAME, message=reason, advice=advice, full_text=full_text, exit_code=0)


def group_failures(results: Iterable[LoadResult]) -> Sequence[FailureGroup]:
    """Group failed and skipped accounts by cause, the largest group first.

    Superseded loads are no failures.

    Messages of one cause differ only by the account's key, host, ids and times.
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
    """Return the message without its account-specific parts."""
    message = result.failure.message if result.failure else ""
    return _ACCOUNT_SPECIFIC.sub("", message.replace(f"'{result.account_key}'", ""))
