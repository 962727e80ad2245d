"""Texts for people are translated: catalogues are complete, and no word escapes them."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from babel.messages import Catalog
from babel.messages.pofile import read_po
from rich.console import Console, ConsoleDimensions

from commands.account_screen import show_account
from commands.account_summary import Summary
from commands.demo.run import next_steps
from commands.demo.screen import show_banner, show_cost, show_next_steps
from commands.doctor import print_check
from commands.doctor.account import check_clock
from commands.doctor.check import failed
from commands.messages import DASHBOARDS, FOLDERS, KEYWORDS, extract_texts, is_untranslated, updated_catalogues
from commands.superset.translation import translate_dashboards
from pipelines.base.errors import Unauthorized
from pipelines.base.language import lazy_gettext, load_language
from pipelines.report.page import render_page
from tests.pseudo_locale import OPEN, PSEUDO, page_text, untranslated
from tests.unit.report.test_page import NOW, figures

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translate into the pseudo-locale, whatever language is chosen."""
    monkeypatch.setattr("pipelines.base.language.load_language", lambda _code: PSEUDO)


@pytest.fixture(scope="module")
def template() -> Catalog:
    """All texts of the code."""
    return extract_texts(ROOT)


def test_catalogues_are_complete_and_keep_placeholders(template: Catalog) -> None:
    """Up to date, without empty and fuzzy texts, with the placeholders of the original."""
    for file, (text, missing_count) in updated_catalogues(template):
        assert file.read_bytes() == text, f"run './run messages': {file.name}"
        assert missing_count == 0, file.name
        with file.open("rb") as stored:
            catalogue = read_po(stored, locale=file.stem)
        assert [message.id for message in catalogue if message.id and is_untranslated(message)] == []
        assert [error for message in catalogue if message.id for error in message.check(catalogue)] == []


def test_every_text_is_extracted(template: Catalog) -> None:
    """Babel does not find a call within an f-string."""
    extracted = {text for message in template for text in (message.id if message.pluralizable else [message.id])}
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
    several = [replace(full.jumps[0], place_id=place, missed_days=place) for place in range(5)]
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


def test_no_text_of_doctor_escapes_translation() -> None:
    """Subject, finding and advice of a check are translatable texts, never plain ones."""
    plain = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "commands" / "doctor").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("ok", "warning", "failed", "SettingsError")
        for argument in (*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(argument, ast.JoinedStr)
        or (isinstance(argument, ast.Constant) and isinstance(argument.value, str))
    ]
    assert plain == []


def test_doctor_prints_in_the_language_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    print_check(check_clock(lazy_gettext("schedule"), "Tue, 10 Mar 2026 09:00:00 GMT", NOW), load_language("ru"))
    print_check(failed(lazy_gettext("settings"), Unauthorized("7")), PSEUDO)
    shown = capsys.readouterr().out
    assert "внимание" in shown
    assert "Часы этой машины опережают часы amoCRM на 3 ч." in shown
    assert untranslated(shown.partition(OPEN)[1] + shown.partition(OPEN)[2].partition("→")[0]) == []


def test_no_title_of_a_dashboard_escapes_translation(tmp_path: Path) -> None:
    source = ROOT / DASHBOARDS
    translate_dashboards(source, tmp_path, PSEUDO)
    files = [file.relative_to(source) for file in source.rglob("*.yaml") if file.parent.name != "databases"]
    plain = set()
    for file in files:
        original = dict(leaves(yaml.safe_load((source / file).read_text(encoding="utf-8"))))
        translated = dict(leaves(json.loads((tmp_path / file).read_text(encoding="utf-8"))))
        assert original.keys() == translated.keys()
        # Sentences, and titles, which begin with a capital.
        plain |= {
            text
            for path, text in translated.items()
            if isinstance(text, str) and original[path] == text and re.search(r"^[A-Z][a-z]+$|[a-z] [a-z]", text)
            if path[-1] not in NOT_SHOWN and (file.parts[0] != "datasets" or path[-1] != "description")
        }
    assert plain == set()


NOT_SHOWN = {"comparator", "expression", "operator", "refresh_frequency", "sql", "stack", "type"}


def leaves(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Values of a parsed file by their path."""
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from leaves(value, (*path, key))
    else:
        yield path, content


def test_no_word_of_the_terminal_escapes_translation() -> None:
    """Screen of 'demo' and 'show'."""
    full = figures("7")
    account = SimpleNamespace(
        account_id=1,
        name="7",
        customers_mode="8",
        timezone="UTC",
        first_observed_at=NOW,
        last_observed_at=NOW,
        snapshot_count=3,
        request_count=2,
        byte_count=1,
    )
    stages = [
        SimpleNamespace(name="7", stage_id=1, is_default=True, conditions_text="tag: 1", conditions=[], changed_at=NOW)
    ]
    given: Any = {
        "account": account,
        "stages": stages,
        "language": PSEUDO,
        "segments": full.segments,
        "stage_sizes": full.stage_sizes,
    }
    summary = Summary(days=[day.date for day in full.segments[0].days], changes=[], gaps=full.gaps, **given)
    stream = io.StringIO()
    console = Console(file=stream, width=600)
    console.size = ConsoleDimensions(600, 99)
    show_banner(console, PSEUDO)
    for is_simulated in (True, False):
        show_account(console, summary, is_simulated=is_simulated)
    show_cost(console, summary, row_count=1, load_count=2, seconds=3.0)
    show_next_steps(console, [(purpose, "1") for purpose, _ in next_steps("segments")], PSEUDO)
    assert untranslated(stream.getvalue()) == []
