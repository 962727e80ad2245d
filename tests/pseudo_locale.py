"""A language that shows which letters were not translated: its texts are accented, longer and in brackets."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from gettext import NullTranslations
from html import unescape

from pipelines.base.language import Language

OPEN, CLOSE = "⟦", "⟧"
_KEPT = re.compile(r"(%\(\w+\)s|%%|<[^>]*>)")
_ACCENTS = str.maketrans("aeiouyAEIOUYcnsz", "àéîõüýÀÉÎÕÜÝçñšž")


class PseudoTranslations(NullTranslations):
    """Catalogue that has every text; placeholders and tags stay."""

    def gettext(self, message: str) -> str:
        parts = _KEPT.split(message)
        accented = "".join(part if place % 2 else part.translate(_ACCENTS) for place, part in enumerate(parts))
        return f"{OPEN}{accented}{'~' * (len(message) // 3)}{CLOSE}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002
        return self.gettext(message)


class PseudoLanguage(Language):
    """The language; its numbers are English."""

    def number(self, number: int | Decimal) -> str:
        return f"{number:,}"

    def day(self, day: date, skeleton: str = "MMMd") -> str:  # noqa: ARG002
        return f"{day}"


PSEUDO = PseudoLanguage("en_XA", PseudoTranslations())


def untranslated(text: str) -> list[str]:
    """Words outside of brackets."""
    outside, depth = "", 0
    for character in text:
        depth += (character == OPEN) - (character == CLOSE)
        outside += character if depth == 0 else " "
    assert depth == 0, "a translation was cut"
    return re.findall(r"[^\W\d_]{2,}", outside)


def page_text(html: str) -> str:
    """Text of a page that people see or hear, with attributes such as labels."""
    labels = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', html)
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return unescape("\n".join([re.sub(r"<[^>]*>", " ", body), *labels]))
