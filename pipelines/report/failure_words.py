"""Errors of loads in words, for readers of the report. Operators find the names in docs/operations.md."""

from __future__ import annotations

import re
from typing import Final

from pipelines.base.language import ENGLISH, Language, gettext_noop

FAILURE_WORDS: Final = {
    "ApiError": gettext_noop("amoCRM refused a request"),
    "Blocked": gettext_noop("amoCRM blocked the loader's address"),
    "DatabaseError": gettext_noop("the database failed"),
    "DatabaseUnavailable": gettext_noop("the database was unavailable"),
    "Forbidden": gettext_noop("amoCRM refused access"),
    "IncompleteList": gettext_noop("amoCRM's lists were incomplete"),
    "InvalidRequest": gettext_noop("amoCRM rejected a request"),
    "LoaderKilled": gettext_noop("the loader was killed"),
    "MalformedAnswer": gettext_noop("amoCRM's response was unusable"),
    "MigrationError": gettext_noop("the database had another version"),
    "ModeDisagreement": gettext_noop("the customers mode was being switched"),
    "MustAuthorize": gettext_noop("access has to be granted again"),
    "NotFound": gettext_noop("the account was not found at its address"),
    "RateLimited": gettext_noop("amoCRM limited the requests"),
    "SettingsError": gettext_noop("a setting was wrong"),
    "Unauthorized": gettext_noop("amoCRM rejected the token"),
    "Unavailable": gettext_noop("amoCRM was unavailable"),
    "UnprovenEnding": gettext_noop("a deletion was not confirmed"),
    "WrongAccount": gettext_noop("the token belongs to another account"),
}

_COUNTED: Final = re.compile(r"(\w+) × (\d+)")


def describe_failures(errors: str, language: Language = ENGLISH) -> str:
    """Describe errors with counts as ``analytics.gaps`` lists them: 'amoCRM was unavailable (10 times)'.

    An error without words keeps its name.
    """

    def describe(match: re.Match[str]) -> str:
        words = language.gettext(FAILURE_WORDS[match[1]]) if match[1] in FAILURE_WORDS else match[1]
        return language.ngettext(
            "%(error)s (%(count)s time)", "%(error)s (%(count)s times)", int(match[2]), error=words
        )

    return _COUNTED.sub(describe, errors)
