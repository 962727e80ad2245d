"""Translation of texts for people: reports, alerts, results of checks.

A text is written in the language that its reader's account has, so the language is passed to whatever writes it.
Texts for engineers, such as errors and comments of views, are English
(docs/decisions/0028-texts-for-people-are-translated.md).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from babel import Locale

LANGUAGES: Final = ("en", "es", "pt_BR", "ru")
"""Languages that have texts: English in the code, the others as catalogues."""

CATALOGUES: Final = Path(__file__).parents[1] / "locales"

OFFICIAL: Final = ("official", "de_facto_official")

ENGLISH_COUNTRIES: Final = ("UA",)
"""Countries whose language has no catalogue, and whose readers do not want the other that CLDR calls official."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language, and the catalogue of texts in it.

    Placeholders are named: ``%(name)s``; a percent sign is written twice. A placeholder's value may be a ``LazyText``,
    a number, or a function of the language.
    """

    code: str
    catalogue: NullTranslations

    def gettext(self, text: str, /, **values: Any) -> str:
        """Translate a text."""
        return self._fill(self.catalogue.gettext(text), values)

    def pgettext(self, context: str, text: str, /, **values: Any) -> str:
        """Translate a text that has different translations by context."""
        return self._fill(self.catalogue.pgettext(context, text), values)

    def ngettext(self, singular: str, plural: str, count: int, /, **values: Any) -> str:
        """Translate a text whose form depends on a number, which is its placeholder ``count``."""
        return self._fill(self.catalogue.ngettext(singular, plural, count), {"count": count} | values)

    def render(self, text: str) -> str:
        """Translate a ``LazyText``; other texts stay as they are."""
        return text.in_language(self) if isinstance(text, LazyText) else text

    def number(self, number: int | Decimal) -> str:
        """Format a number."""
        if self.code == "en":
            return f"{number:,}"
        from babel.numbers import format_decimal  # noqa: PLC0415 - slow to import, and English does not need it

        return format_decimal(number, locale=self.locale)

    def day(self, day: date, skeleton: str = "MMMd") -> str:
        """Format a date with the month's name, such as 29 Nov; with ``yMMMd`` also with the year."""
        from babel.dates import format_skeleton  # noqa: PLC0415 - as above

        return format_skeleton(skeleton, day, locale="en_GB" if self.code == "en" else self.locale)

    @property
    def tag(self) -> str:
        """Language tag of HTML, such as ``pt-BR``."""
        return self.code.replace("_", "-")

    @property
    def locale(self) -> Locale:
        """Babel's locale."""
        from babel import Locale  # noqa: PLC0415 - as above

        return Locale.parse(self.code)

    def _fill(self, text: str, values: dict[str, Any]) -> str:
        return text % {name: self._format(value) for name, value in values.items()}

    def _format(self, value: Any) -> str:
        """Format the value of a placeholder."""
        match value:
            case LazyText():
                return value.in_language(self)
            case str():
                return value
            case int() | Decimal():
                return self.number(value)
            case _ if callable(value):
                return str(value(self))
            case _:
                return str(value)


ENGLISH: Final = Language("en", NullTranslations())


class LazyText(str):
    """English text that can be translated later, when its reader's language is known."""

    __slots__ = ("in_language",)
    in_language: Callable[[Language], str]

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Become plain English where it is copied or sent to another process."""
        return str, (str(self),)


def lazy_gettext(text: str, /, **values: Any) -> LazyText:
    """Return a text for ``Language.render``."""
    return _lazy(lambda language: language.gettext(text, **values))


def lazy_ngettext(singular: str, plural: str, count: int, /, **values: Any) -> LazyText:
    """Return a text for ``Language.render`` whose form depends on a number."""
    return _lazy(lambda language: language.ngettext(singular, plural, count, **values))


def map_text(text: str, function: Callable[[str], str]) -> str:
    """Apply a function to a text; to a ``LazyText`` in every language."""
    return _lazy(lambda language: function(language.render(text))) if isinstance(text, LazyText) else function(text)


def join_texts(*texts: str) -> LazyText:
    """Join sentences with spaces, in every language; empty ones are left out."""
    return _lazy(lambda language: " ".join(filter(None, map(language.render, texts))))


def gettext_noop(text: str) -> str:
    """Mark a text for translation that is translated elsewhere."""
    return text


def ngettext_noop(singular: str, plural: str) -> tuple[str, str]:
    """Mark the forms of a text for translation that is translated elsewhere."""
    return singular, plural


def language_for(setting: str | None, country: str | None = None) -> Language:
    """Return the language of a setting, or else of a country with a two-letter code, or else English."""
    return load_language(setting or country_language(country))


@cache
def load_language(code: str) -> Language:
    """Load one of ``LANGUAGES``."""
    if code == ENGLISH.code:
        return ENGLISH
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - slow to import, and English does not need them
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with (CATALOGUES / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    # Compiled here instead of at installation: a clone, a wheel and a changed catalogue need no build step.
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Language(code, GNUTranslations(compiled))


@cache
def country_language(country: str | None) -> str:
    """Return the most spoken of ``LANGUAGES`` that are official in a country; English if there is none."""
    country = (country or "").upper()
    if not country or country in ENGLISH_COUNTRIES:
        return ENGLISH.code
    from babel.core import get_global  # noqa: PLC0415 - as above

    spoken = get_global("territory_languages").get(country.upper(), {})
    official = {
        code: spoken[code.partition("_")[0]]["population_percent"]
        for code in LANGUAGES
        if spoken.get(code.partition("_")[0], {}).get("official_status") in OFFICIAL
    }
    return max(official, key=official.__getitem__, default=ENGLISH.code)


def _lazy(in_language: Callable[[Language], str]) -> LazyText:
    text = LazyText(in_language(ENGLISH))
    text.in_language = in_language
    return text
