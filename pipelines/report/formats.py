"""Numbers and days as the account's country writes them, in its own timezone. The words around them are English."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_time
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol

NO_VALUE: Final = "–"
MINUS_SIGN: Final = "\u2212"

FALLBACK_LOCALE: Final = Locale.parse("en_SE")
"""2026-11-22 and 1 234: what nobody can read wrongly."""

D3_DATE_PARTS: Final = {"dd": "%d", "d": "%-d", "MM": "%m", "M": "%-m", "y": "%Y"}
"""Parts of a pattern of CLDR in the words of D3, which draws the axes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Formats:
    """How an account writes what people read."""

    locale: Locale
    timezone: ZoneInfo

    @classmethod
    def for_account(cls, country: str | None, timezone: str) -> Formats:
        """Those of a two-letter country code."""
        return cls(locale=locale_for_country(country), timezone=ZoneInfo(timezone))

    def number(self, number: int | Decimal | None) -> str:
        """Such as 1 234."""
        return NO_VALUE if number is None else format_decimal(number, locale=self.locale).replace("-", MINUS_SIGN)

    def signed(self, number: int | Decimal | None) -> str:
        """Such as +1 234."""
        return f"+{self.number(number)}" if number is not None and number > 0 else self.number(number)

    def percent(self, number: Decimal | None) -> str:
        """Such as +5,4 %; nothing where there is nothing to compare with."""
        return "" if number is None else f"{self.signed(number)}\u00a0%"

    def day(self, day: date) -> str:
        """In digits, the year in four."""
        return format_date(day, self.day_pattern, locale=self.locale)

    def timestamp(self, instant: datetime) -> str:
        """Day and time by the account's clocks."""
        local = instant.astimezone(self.timezone)
        return f"{self.day(local.date())} {format_time(local.time(), 'short', locale=self.locale)}"

    def day_of(self, instant: datetime) -> date:
        """The account's day that an instant belongs to."""
        return instant.astimezone(self.timezone).date()

    @property
    def day_pattern(self) -> str:
        """The country's shortest pattern of a day, with the whole year, in CLDR's words."""
        return re.sub("y+", "y", self.locale.date_formats["short"].pattern)

    @property
    def d3_day(self) -> str:
        """The same in D3's words."""
        plain = self.day_pattern.replace("'", "")
        return re.sub("dd?|MM?|y", lambda match: D3_DATE_PARTS[match[0]], plain)

    @property
    def d3_numbers(self) -> dict[str, Any]:
        """How D3 is to write numbers."""
        primary, secondary = self.locale.decimal_formats[None].grouping
        return {
            "decimal": get_decimal_symbol(self.locale),
            "thousands": get_group_symbol(self.locale),
            "grouping": [primary, *[secondary] * 6],
            "currency": ["", ""],
        }


@cache
def locale_for_country(country: str | None) -> Locale:
    """The locale of most people in a country, an official language's first."""
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
    return FALLBACK_LOCALE
