"""Strict JSON with exact numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm import strict_json
from pipelines.amocrm.strict_json import MAX_BYTES, MAX_DEPTH, NotStrictJson, parse


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Expecting value"),
        (b"<html></html>", "^HTML instead of JSON$"),
        (b"\r\n <!DOCTYPE html><p>login", "^HTML instead of JSON$"),
        (b'{"a": 1,}', "character"),
        (b"[1, 2,]", "character"),
        (b'{"a": 1', "brackets"),
        (b'{"a": 1}]', "character|brackets"),
        (b'{"a": 1} {}', "Extra data"),
        (b"{'a': 1}", "character"),
        (b'"a\nb"', "control character"),
        (b'"a\x00b"', "control character"),
        (b'"\\x41"', "escape"),
        (b'"unfinished', "Unterminated"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"01", "Extra data"),
        (b"+1", "Expecting value"),
        (b".5", "Expecting value"),
        (b"\xff", "byte 0 is not UTF-8"),
        (b'{"a": "\xd0"}', "byte 7 is not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),  # a surrogate, encoded
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a": 1, "b": 2, "a": 1}', "same key twice"),
        (b'{"a": 1, "\\u0061": 1}', "same key twice"),
        (b'[{"x": {"a": 1, "a": 2}}]', "same key twice"),
        (b"1e1000000000000000000", "exponent is too large"),
        (b"[" * 200_000, "brackets|levels"),
        (b"[" * 200_000 + b"]" * 200_000, "levels"),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "levels"),
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NotStrictJson, match=why):
        parse(body)


def test_a_body_over_the_limit_is_refused_unparsed() -> None:
    with pytest.raises(NotStrictJson, match="larger"):
        parse(b" " * MAX_BYTES + b"{}")


def test_depth_is_bounded_exactly_and_brackets_in_strings_do_not_count() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(NotStrictJson):
        parse(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    tricky = {"[[[" * MAX_DEPTH: ['"[' * MAX_DEPTH, "\\" * 7 + '"{', "}]" * MAX_DEPTH]}
    assert parse(json.dumps(tricky).encode()) == tricky


def test_numbers_are_exact_and_never_floats() -> None:
    found = parse(b"[9007199254740993, 0.1, 1e400, -0.0, 12.50, 1E2, -7]")
    assert found == [
        2**53 + 1,
        Decimal("0.1"),
        Decimal("1e400"),
        Decimal("-0.0"),
        Decimal("12.50"),
        Decimal(100),
        -7,
    ]
    assert str(found[4]) == "12.50"
    assert [type(number) for number in found] == [int, Decimal, Decimal, Decimal, Decimal, Decimal, int]


def test_an_integer_of_five_thousand_digits_is_kept_whole() -> None:
    digits = "7" * 5_000
    assert str(parse(digits.encode())) == digits


def test_nul_and_lone_surrogates_are_legal() -> None:
    assert parse(b'["\\u0000", "\\ud800", "\\udc00x", "\\ud83d\\ude00"]') == ["\0", "\ud800", "\udc00x", "😀"]


def test_the_body_never_shows_in_the_refusal() -> None:
    with pytest.raises(NotStrictJson) as caught:
        parse(b'{"secret": canary}')
    assert "canary" not in str(caught.value)


def test_the_pages_examples_are_json_but_one(payload: Callable[[str], bytes]) -> None:
    for name in ("stages_list", "stage_by_id", "stages_add", "stage_update", "segments_list", "segment_by_id"):
        assert parse(payload(f"{name}/200.json")) == json.loads(payload(f"{name}/200.json"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_what_json_writes_is_read_back_the_same(value: object, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    try:
        body = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be written escaped
        body = json.dumps(value).encode()
    assert parse(body) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0019eE+-. tfn', max_size=80).map(str.encode))
def test_any_bytes_are_either_read_as_json_reads_them_or_refused(body: bytes) -> None:
    try:
        found = parse(body)
    except NotStrictJson:
        return
    assert found == json.loads(body, parse_float=Decimal)


def test_the_limits_are_those_of_the_design() -> None:
    assert strict_json.MAX_BYTES == 8 * 1024 * 1024
