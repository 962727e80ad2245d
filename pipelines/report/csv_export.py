"""CSV export of the report's figures, for spreadsheets.

Text that a spreadsheet would evaluate as a formula is prefixed with an apostrophe (``inert_cell``).
The encoding is UTF-8 with a byte order mark, by which spreadsheets recognize it. Without a locale,
numbers and instants have the form that programs read: 5.4, and UTC with offset. With a locale they
have the form that a spreadsheet of that locale reads: 5,4, and the account's local time.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import get_decimal_symbol

from pipelines.base.errors import SettingsError
from pipelines.report.figures import Figures
from pipelines.report.formats import digits_pattern
from pipelines.report.tables import ReportTable, build_tables

ENCODING: Final = "utf-8-sig"

MARKED: Final = ("\t", "\r", "\n", "|", "'")
"""Prefixes that always get an apostrophe. The apostrophe is one of them, so that ours stays
distinguishable."""

ACTIVE: Final = frozenset("=+-@\u2212")
"""Characters that start a formula; full-width and small variants count, too."""

_SEPARATOR: Final = re.compile(r"([;\t|\r\n])")
"""Characters at which a spreadsheet with another separator than the comma starts a new cell, quoted
or not. Excel uses the semicolon in countries that write 1,5:
https://support.microsoft.com/office/5250ac4c-663c-47ce-937b-339e391393ba"""

_BLANK: Final = frozenset("\"'`\u2800\u3164\u115f\u1160\uffa0")
"""Characters that spreadsheets drop or show as blanks, beside Unicode's own blanks: quotes and
invisible letters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvLocale:
    """Form of numbers and dates in the CSV files of a spreadsheet's locale."""

    decimal_symbol: str
    day_pattern: str  # of CLDR, in digits
    locale: Locale

    @classmethod
    def parse(cls, text: str) -> CsvLocale:
        """Parse a locale such as ``ru_RU`` or ``pt-BR``. Raises ``SettingsError`` if it is unknown."""
        try:
            locale = Locale.parse(text.replace("-", "_"))
        except (UnknownLocaleError, ValueError, TypeError):
            raise SettingsError(
                f"'{text}' is not a known locale.", advice="Write language and country, such as ru_RU, es_MX or pt_BR."
            ) from None
        # Spreadsheets read digits and separators only; Bulgarian has a letter after the year.
        bare = re.sub("'[^']*'|\u200f", "", digits_pattern(locale))
        day_pattern = re.sub(r"[^dMy]+\Z", "", bare)
        return cls(decimal_symbol=get_decimal_symbol(locale), day_pattern=day_pattern, locale=locale)

    @property
    def delimiter(self) -> str:
        """Separator of cells: a spreadsheet that writes 1,5 expects a semicolon."""
        return ";" if self.decimal_symbol == "," else ","

    def format_cell(self, value: object) -> object:
        """Convert a value for the CSV writer."""
        match value:
            case Decimal():
                return str(value).replace(".", self.decimal_symbol)
            case datetime():
                return f"{self._day(value.date())} {value:%H:%M:%S}"
            case date():
                return self._day(value)
            case _:
                return format_cell(value)

    def _day(self, day: date) -> str:
        return format_date(day, self.day_pattern, locale=self.locale)


def csv_files(
    accounts: Sequence[Figures], more: Sequence[ReportTable] = (), *, locale: CsvLocale | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and contents of each file: the accounts' tables, and more."""
    for table in (*build_tables(accounts), *more):
        yield f"{table.name}.csv", _format_csv(table, locale).encode(ENCODING)


def format_cell(value: object) -> object:
    """Convert a value for the CSV writer, in the form that programs read."""
    match value:
        case str():
            return inert_cell(value)
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return inert_cell(json.dumps(value, ensure_ascii=False, default=str))
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds")
        case _:
            return value


def inert_cell(text: str) -> str:
    """Prefix text with an apostrophe wherever it would start a formula.

    Checks the start of the text, and the position after each character that a spreadsheet may take
    for a separator. Skips leading blanks and invisible characters, since spreadsheets drop them.
    """
    first, *rest = _SEPARATOR.split(text)
    begin = "'" if text.startswith(MARKED) or _begins_active(first) else ""
    return begin + first + "".join(f"'{part}" if _begins_active(part) else part for part in rest)


def _begins_active(part: str) -> bool:
    first = next((character for character in part if not _is_dropped(character)), "")
    return unicodedata.normalize("NFKC", first)[:1] in ACTIVE if first else False


def _is_dropped(character: str) -> bool:
    return character in _BLANK or unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf"}


def _format_csv(table: ReportTable, locale: CsvLocale | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=locale.delimiter if locale else ",")
    convert = locale.format_cell if locale else format_cell
    writer.writerow(table.types)
    writer.writerows([convert(value) for value in row] for row in table.rows)
    return text.getvalue()
