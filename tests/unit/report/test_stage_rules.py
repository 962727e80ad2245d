"""Edits of a stage's rules in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.base.language import load_language
from pipelines.report.change_sentences import describe_changes
from pipelines.report.stage_rules import describe_rule_edit, describe_rules
from pipelines.warehouse.changes import Change


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("after purchase: 14 days", "after purchase: 21 days", "after purchase: 14 → 21 days"),
        ("after purchase: 1 day", "after purchase: 2 days", "after purchase: 1 day → 2 days"),
        ("a: 1; tag: A | b: 2", "a: 1; tag: A or B | b: 2", "tag: A → A or B"),
        ("tag: A", "after today: 3 days", "tag: A → after today: 3 days"),
        ("tag", "tag: A", "tag → tag: A"),
        (None, "tag: A", "added tag: A"),
        ("tag: A | b: 1; b: 1", "b: 1", "removed tag: A; removed b: 1"),
        ("a: 1; b: 2", "c: 3", "removed a: 1; removed b: 2; added c: 3"),
        ("a: 1; b: 2", "a: 1 | b: 2", ""),
        (None, None, ""),
    ],
)
def test_edits_of_rules(old: str | None, new: str | None, words: str) -> None:
    assert describe_rule_edit(old, new) == words


def test_rules_are_one_line() -> None:
    assert describe_rules("tag: A\n\u202eB") == "tag: A B"
    assert describe_rules(None) == ""


def test_words_between_tags_are_translated_and_those_within_a_tag_are_not() -> None:
    names = [{"name": "Rock and Roll"}, {"name": "A or B"}, {"name": "C"}]
    rule = {"type": "tag", "conditions": names, "match": {"value": [1, 2, 3], "logic": "or"}}
    shown = describe_rules("after purchase: 2 days | tag: Rock and Roll or A or B or C", load_language("ru"), [[rule]])
    for other in (5, "x", {"a": 1}, [None, [None]], [[{**rule, "conditions": [{"name": "C"}, 7]}]]):
        assert describe_rules("tag: A or B", load_language("ru"), other) == "тег: A or B"
    assert shown == "после покупки: 2 дня | тег: Rock and Roll или A or B или C"


def test_words_between_tags_are_translated_in_an_edit() -> None:
    tags = [{"name": "A"}, {"name": "B or C"}]
    rule = {"type": "tag", "conditions": tags, "match": {"value": [1, 2], "logic": "or"}}
    change = Change(
        observed_at=datetime(2026, 3, 2, tzinfo=UTC),
        previous_observed_at=datetime(2026, 3, 1, tzinfo=UTC),
        thing="stage",
        thing_id=1,
        thing_name="VIP",
        change="changed",
        property="conditions",
        value_field_name=None,
        old_text="tag: A",
        new_text="tag: A or B or C",
        new_value=[[rule]],
    )
    [sentence] = describe_changes([change], load_language("ru"))
    assert sentence.text == "статус «VIP», изменены правила: тег: A → A или B or C"
