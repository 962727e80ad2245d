"""Text that Postgres cannot store is replaced, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm.models import Json
from pipelines.amocrm.sanitize import fits_numeric, sanitize_json, sanitize_text


def clean(value: Json) -> tuple[Json, list[str]]:
    """The storable value, and the oddities on the way."""
    noted: list[str] = []
    return sanitize_json(value, noted.append), noted


@pytest.mark.parametrize(
    "text", ["", "VIP", "😀", "\u202eright to left", "x" * 65_536, "a'b%s{}$$\\.", "\ufffd", "\x01"]
)
def test_other_text_stays_the_very_same(text: str) -> None:
    assert sanitize_text(text) is text


def test_nul_and_halves_of_pairs_are_replaced() -> None:
    assert sanitize_text("a\0b\ud83dc\ude00") == "a\ufffdb\ufffdc\ufffd"


def test_json_is_cleaned_in_depth_and_in_its_keys() -> None:
    assert clean({"a\0": [{"b": "\ud800"}, 1, None, True]}) == (
        {"a\ufffd": [{"b": "\ufffd"}, 1, None, True]},
        ["unstorable_text", "unstorable_text"],
    )


def test_no_key_is_lost_when_two_become_alike() -> None:
    keys = ["a\0", "a\ud800", "a\ufffd"]
    found, _ = clean({key: place for place, key in enumerate(keys)})
    assert list(found.items()) == [("a\ufffd", 0), ("a\ufffd\ufffd", 1), ("a\ufffd\ufffd\ufffd", 2)]


@pytest.mark.parametrize(
    ("number", "is_storable"),
    [
        ("0", True),
        ("1e400", True),
        ("12.50", True),
        ("7" * 5_000, True),
        ("1e131071", True),
        ("1e131072", False),
        ("1e-16383", True),
        ("1e-16384", False),
        ("0." + "1" * 16_384, False),
        ("1e999999999", False),
        ("NaN", False),
        ("Infinity", False),
    ],
)
def test_numbers_are_storable_within_numeric(number: str, is_storable: bool) -> None:
    assert fits_numeric(Decimal(number)) is is_storable


def test_a_number_beyond_numeric_is_kept_as_text() -> None:
    assert clean([Decimal("1e200000"), Decimal("1.5")]) == (["1E+200000", Decimal("1.5")], ["unstorable_number"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_cleaning_twice_changes_nothing_more(value: Json) -> None:
    once, _ = clean(value)
    assert clean(once) == (once, [])
