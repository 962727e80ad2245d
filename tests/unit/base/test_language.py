"""Language: the choice of one, placeholders and plurals."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from pipelines.base.language import ENGLISH, country_language, language_for, lazy_gettext, lazy_ngettext, load_language
from pipelines.base.text import format_duration, join_names


@pytest.mark.parametrize(
    ("country", "code"),
    [("RU", "ru"), ("kz", "ru"), ("BR", "pt_BR"), ("MX", "es"), ("US", "en"), ("ua", "en"), ("DE", "en"), (None, "en")],
)
def test_a_country_has_a_language(country: str | None, code: str) -> None:
    assert country_language(country) == code
    assert language_for("es", country).tag == "es"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 дней"), (1, "1 день"), (2, "2 дня"), (5, "5 дней"), (11, "11 дней"), (21, "21 день"), (1000, "1000 дней")],
)
def test_russian_has_three_plural_forms(count: int, text: str) -> None:
    assert load_language("ru").ngettext("%(count)s day", "%(count)s days", count) == text.replace("1000", "1\u00a0000")


def test_a_lazy_text_is_english_until_it_is_translated() -> None:
    names = lazy_ngettext(
        "%(names)s and %(count)s more", "%(names)s and %(count)s more", 1234, names=lazy_gettext("less than a minute")
    )
    assert names == ENGLISH.render(names) == "less than a minute and 1,234 more"
    assert copy.deepcopy(names) == names
    assert type(pickle.loads(pickle.dumps(names))) is str  # noqa: S301 - made here
    assert load_language("pt_BR").render(names) == "menos de um minuto e mais 1.234"
    assert load_language("ru").render("as it is, 100 %") == "as it is, 100 %"
    assert ENGLISH.gettext("in %(folder)s", folder=Path("a/b")) == "in a/b"


def test_durations_and_names_in_other_languages() -> None:
    spanish = load_language("es")
    assert format_duration(237_600, spanish) == "2 días 18 h"
    assert join_names(["100 %s", "b", "c"], 1, spanish) == "100 %s y 2 más"
