"""YAML: no guesses, errors with lines, and text that reads back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.base.errors import PlanError
from pipelines.writeback.problems import Problems
from pipelines.writeback.yaml_nodes import Node, YamlList, YamlMapping, YamlText, parse_yaml
from pipelines.writeback.yaml_scalars import block_text, quote_text, to_scalar

any_text = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.text("ab \n\t\r:#-'\"\\|>&*!%@`{}[],?~0.\x00\x85\u2028\u202e\ufeff\x7f\xa0é\u200d\U0001f600", max_size=40),
    st.sampled_from(
        ["", "null", "true", "NO", "1", "007", "1e3", "0x1f", "12:30:45", "2026-01-01", "<<", "=", "---", "..."]
    ),
)

ALIAS = "'&' and '*' let one place stand for another: write the value itself, or in quotes."
TAG = "'!' gives a value a type of its own: leave it out, or write it in quotes."


def read(text: str) -> Node:
    problems = Problems("file")
    node = parse_yaml(text, problems)
    problems.raise_if_any()
    return node


def problems_in(text: str) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        read(text)
    return caught.value.problems


@pytest.mark.parametrize(
    "word", ["1.10", "1_000", "0x1F", "010", "12:30", "no", "2026-01-01", "1e5", ".inf", "=", "<<"]
)
def test_words_stay_text(word: str) -> None:
    assert read(f"- {word}") == YamlList(items=(YamlText(text=word),))


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_null_is_nothing_without_quotes_only(word: str) -> None:
    assert read(f"[{word or '~'}, '{word}']") == YamlList(
        items=(YamlText(text=word or "~"), YamlText(text=word, is_quoted=True))
    )
    assert YamlText(text=word).is_null
    assert not YamlText(text=word, is_quoted=True).is_null


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("007", 7),
        ("0", None),
        ("-5", None),
        ("5.0", None),
        ("٥", None),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None),
        ("9" * 5000, None),
    ],
)
def test_digits_without_quotes_may_be_an_id(text: str, number: int | None) -> None:
    assert YamlText(text=text).id == number
    assert YamlText(text=text, is_quoted=True).id is None


def test_every_node_has_its_line() -> None:
    node = read("a: 1\n\nb:\n  - x\n  - {y: z}\n")
    assert isinstance(node, YamlMapping)
    assert [(key.text, key.line, value.line) for key, value in node.entries] == [("a", 1, 1), ("b", 3, 4)]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' stands here again; first in line 1."),
        ("a: 1\n'a': 2", "line 2: 'a' stands here again; first in line 1."),
        ("a: &x 1\nb: 2", f"line 1: {ALIAS}"),
        ("a: !!python/object:os.system x", f"line 1: {TAG}"),
        ("a: !!int 1", f"line 1: {TAG}"),
        ("? [a]\n: 1", "line 1: a list or table stands where a name is expected."),
        ("a: 1\n---\nb: 2", "line 2: a second document begins here: one file holds one."),
        ("a: 1\nb: \ud800", "line 2: the character U+D800 is not allowed in YAML: remove it."),
        ("a: \x07", "line 1: the character U+0007 is not allowed in YAML: remove it."),
        ("[" * 100_000, "line 1: more than 10 lists and tables in each other."),
    ],
)  # fmt: skip
def test_tricks_are_refused(text: str, mistake: str) -> None:
    assert problems_in(text) == (mistake,)


def test_an_alias_is_refused_where_it_stands_and_where_it_comes_from() -> None:
    assert [mistake[:7] for mistake in problems_in("a: &x 1\nb:\n  c: *x")] == ["line 1:", "line 3:"]


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "\tx: 1", "a: 'b", "a: 1\n b: 2", "%YAML 9.9\n---\na: 1", "a: @b", "*"]
)
def test_what_is_not_yaml_says_where(text: str) -> None:
    [mistake] = problems_in(text)
    assert mistake.startswith(("line 1: this is not YAML: ", "line 2: this is not YAML: "))
    assert mistake.endswith("must be quoted.")


def test_digits_and_the_same_digits_in_quotes_are_two_keys() -> None:
    assert read("5: a\n'5': b") == YamlMapping(
        entries=((YamlText(text="5"), YamlText(text="a")), (YamlText(text="5", is_quoted=True), YamlText(text="b")))
    )


@settings(deadline=None)
@given(any_text, any_text)
def test_what_is_spelled_reads_back(one: str, other: str) -> None:
    block = block_text(one, "    ")
    node = read(
        f"- {quote_text(one)}: {quote_text(other)}\n"
        f"- {to_scalar(YamlList(items=(YamlText(text=one, is_quoted=True), YamlText(text=other, is_quoted=True))))}\n"
        f"- k: {block or 1}\n"
    )
    assert isinstance(node, YamlList)
    table, items, last = node.items
    assert isinstance(table, YamlMapping)
    assert isinstance(items, YamlList)
    assert isinstance(last, YamlMapping)
    key, value = table.entries[0]
    assert (key.text, value) == (one, YamlText(text=other, is_quoted=isinstance(value, YamlText) and value.is_quoted))
    assert [item.text for item in items.items if isinstance(item, YamlText)] == [one, other]
    assert last.entries[0][1] == (YamlText(text=one, is_quoted=True) if block else YamlText(text="1"))


@given(any_text)
def test_written_scalars_are_text_only(text: str) -> None:
    assert quote_text(text).isprintable()
    assert not (
        text.strip() == text == quote_text(text) and text.casefold() in ("yes", "no", "on", "off", "true", "null")
    )


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("one\ntwo", "|-\n  one\n  two"),
        ("one\n\ntwo\n", "|\n  one\n\n  two"),
        ("one", None),
        ("one\n", None),
        ("one\n\n", None),
        (" one\ntwo", None),
        ("one \ntwo", None),
        ("one\n\ttwo", None),
        ("\none", None),
    ],
)
def test_texts_of_several_lines_are_blocks_where_that_is_safe(text: str, block: str | None) -> None:
    assert block_text(text, "  ") == block
