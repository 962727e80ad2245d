"""Texts for people are translated: catalogues are complete, and no word escapes them."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from commands.messages import FOLDERS, KEYWORDS, extract_texts, is_untranslated, updated_catalogues
from pipelines.report.page import render_page
from tests.pseudo_locale import PSEUDO, page_text, untranslated
from tests.unit.report.test_page import NOW, figures

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translate into the pseudo-locale, whatever language is chosen."""
    monkeypatch.setattr("pipelines.base.language.load_language", lambda _code: PSEUDO)


def test_catalogues_are_complete_and_keep_placeholders() -> None:
    """Up to date, without empty and fuzzy texts, with the placeholders of the original."""
    for file, (text, missing_count) in updated_catalogues(ROOT):
        assert file.read_bytes() == text, f"run './run messages': {file.name}"
        assert missing_count == 0, file.name
        with file.open("rb") as stored:
            catalogue = read_po(stored, locale=file.stem)
        assert [message.id for message in catalogue if message.id and is_untranslated(message)] == []
        assert [error for message in catalogue if message.id for error in message.check(catalogue)] == []


def test_every_text_is_extracted() -> None:
    """Babel does not find a call within an f-string."""
    extracted = {
        text for message in extract_texts(ROOT) for text in (message.id if message.pluralizable else [message.id])
    }
    called = {
        argument.value
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (name := getattr(node.func, "attr", getattr(node.func, "id", ""))) in KEYWORDS
        for position in (range(1, 2) if name == "pgettext" else range(2 if "ngettext" in name else 1))
        if position < len(node.args) and isinstance(argument := node.args[position], ast.Constant)
    }
    assert called <= extracted, called - extracted


@pytest.mark.usefixtures("pseudo")
def test_no_word_of_the_report_escapes_translation() -> None:
    full = figures("7")
    [change] = full.changes
    several = [replace(full.jumps[0], segment_id=place, missed_days=place) for place in range(5)]
    properties = ("name", "sort", "price_field_ids", "color", "type", "conditions")
    changes = [
        *full.changes,
        *(replace(change, thing="stage", property=name, old_text="1", new_text="2") for name in properties),
        *(replace(change, thing=thing, change="added") for thing in ("segment", "field", "option", "stage")),
        *(replace(change, change="mode_off", thing_id=place) for place in range(5)),
        replace(change, thing="stage", property="conditions", old_text="after purchase: 14 days", new_text="tag: 5"),
        replace(change, thing="account", property="customers_mode", old_text="1", new_text="2"),
    ]
    stage = replace(full.stages[0], conditions_text="after purchase: 14 days | tag: 1; before purchase: 1 day")
    state = replace(full.state, last_message="1")
    gap = replace(full.gaps[0], errors="Unavailable × 3", gap_seconds=100_000)
    closed = replace(gap, until_at=NOW, errors=None, missed_count=1)
    anomaly = replace(full.anomalies[0], kind="1", valid_to=NOW)
    full = replace(full, state=replace(state, account_key="1"), stages=[stage], changes=changes, gaps=[gap, closed])
    full = replace(full, anomalies=[*full.anomalies, anomaly], changes_from=NOW, has_all_anomalies=False)
    stages_alone = replace(full, state=replace(full.state, customers_mode="periodicity"), segments=[], movers=[])
    first_day = replace(full, segments=[replace(full.segments[0], days=())], changes=[], gaps=[], anomalies=[])
    disabled = replace(first_day, state=replace(full.state, customers_mode="disabled", usual_seconds=None), segments=[])
    found = {
        word
        for shown in (full, replace(full, jumps=several), stages_alone, first_day, disabled)
        for word in untranslated(page_text(render_page(shown, now=NOW, is_simulated=True)))
    }
    assert found == {"missing", "value"}, "the code of an anomaly's kind alone"
