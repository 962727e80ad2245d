"""Formats of numbers and dates for the account's country and timezone, and the language of the text around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from pipelines.base.language import ENGLISH, Language, language_for
from pipelines.base.timezone import stored_timezone

NO_VALUE: Final = "–"
MINUS_SIGN: Final = "\u2212"

FALLBACK_LOCALE: Final = Locale.parse("en_SE")
"""Unambiguous formats: 2026-11-22 and 1 234."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Formats:
    """Locale, timezone and language of an account."""

    locale: Locale
    timezone: ZoneInfo
    language: Language = ENGLISH

    @classmethod
    def for_account(cls, country: str | None, timezone: str, language: str | None = None) -> Formats:
        """Choose the formats for a two-letter country code.

        Without a language, the text is in that of the country; without a country, the formats are
        those of the language.
        """
        chosen = language_for(language, country)
        return cls(
            locale=locale_for_country(country) or _locale_for_language(chosen),
            timezone=stored_timezone(timezone),
            language=chosen,
        )

    def number(self, number: int | Decimal | None) -> str:
        """Format a number, such as 1 234."""
        return NO_VALUE if number is None else format_decimal(number, locale=self.locale).replace("-", MINUS_SIGN)

    def signed(self, number: int | Decimal | None) -> str:
        """Format a number with its sign, such as +1 234."""
        return f"+{self.number(number)}" if number is not None and number > 0 else self.number(number)

    def percent(self, number: Decimal | None) -> str:
        """Format a percentage with its sign, such as +5,4 %; empty for None."""
        return "" if number is None else f"{self.signed(number)}\u00a0%"

    def day(self, day: date) -> str:
        """Format a date in digits, with a four-digit year."""
        return format_date(day, digits_pattern(self.locale), locale=self.locale)

    def timestamp(self, instant: datetime) -> str:
        """Format an instant in the account's timezone."""
        local = instant.astimezone(self.timezone)
        return f"{self.day(local.date())} {format_time(local.time(), 'short', locale=self.locale)}"

    def day_of(self, instant: datetime) -> date:
        """Return the date of an instant in the account's timezone."""
        return instant.astimezone(self.timezone).date()


def digits_pattern(locale: Locale) -> str:
    """Return the CLDR pattern of a locale's short date format, with the full year."""
    return re.sub("y+", "y", locale.date_formats["short"].pattern)


def _locale_for_language(language: Language) -> Locale:
    return FALLBACK_LOCALE if language == ENGLISH else language.locale


@cache
def locale_for_country(country: str | None) -> Locale | None:
    """Return the locale of the most spoken language of a country, preferring official ones; None if it is unknown."""
    languages = get_global("territory_languages").get((country or "").upper(), {})
    by_usage = sorted(
        languages,
        key=lambda language: (bool(languages[language]["official_status"]), languages[language]["population_percent"]),
    )
    for language in reversed(by_usage):
        try:
            return Locale.parse(f"{language}_{(country or '').upper()}")
        except (UnknownLocaleError, ValueError):
            continue
    return None
