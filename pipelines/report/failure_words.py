"""Errors of loads in words, for readers of the report. Operators find the names in docs/operations.md."""

from __future__ import annotations

import re
from typing import Final

FAILURE_WORDS: Final = {
    "ApiError": "amoCRM refused a request",
    "Blocked": "amoCRM blocked the loader's address",
    "DatabaseError": "the database failed",
    "DatabaseUnavailable": "the database was unavailable",
    "Forbidden": "amoCRM refused access",
    "IncompleteList": "amoCRM's lists were incomplete",
    "InvalidRequest": "amoCRM rejected a request",
    "LoaderKilled": "the loader was killed",
    "MalformedAnswer": "amoCRM's response was unusable",
    "MigrationError": "the database had another version",
    "ModeDisagreement": "the customers mode was being switched",
    "MustAuthorize": "access has to be granted again",
    "NotFound": "the account was not found at its address",
    "RateLimited": "amoCRM limited the requests",
    "SettingsError": "a setting was wrong",
    "Unauthorized": "amoCRM rejected the token",
    "Unavailable": "amoCRM was unavailable",
    "UnprovenEnding": "a deletion was not confirmed",
    "WrongAccount": "the token belongs to another account",
}

_COUNTED: Final = re.compile(r"(\w+) × (\d+)")


def describe_failures(errors: str) -> str:
    """Describe errors with counts as ``analytics.gaps`` lists them: 'amoCRM was unavailable (10 times)'.

    An error without words keeps its name.
    """
    return _COUNTED.sub(
        lambda match: f"{FAILURE_WORDS.get(match[1], match[1])} ({_format_times(int(match[2]))})", errors
    )


def _format_times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
