"""Accepted and refused cron schedules."""

from __future__ import annotations

import pytest
from dagster._utils.schedules import get_smallest_cron_interval, is_valid_cron_schedule
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.config.cron import FIELDS, cron_error


@pytest.mark.parametrize(
    "text",
    [
        "0 * * * *",
        "15 */3 * * mon-fri",
        "0 22-4 * * *",
        "@weekly",
        "0 6 29 2 *",
        "*/7,3 1-23/2 * JAN-mar sun",
    ],
)
def test_usual_schedules_are_accepted(text: str) -> None:
    assert cron_error(text) is None
    assert is_valid_cron_schedule(text)
    assert get_smallest_cron_interval(text, "Europe/Moscow")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("99 * * * *", "'99' is not a valid minute (0 to 59)"),
        ("0 24 * * *", "'24' is not a valid hour (0 to 23)"),
        ("0 0 0 * *", "'0' is not a valid day (1 to 31)"),
        ("0 0 1 13 *", "'13' is not a valid month (1 to 12)"),
        ("0 0 * * 8", "'8' is not a valid weekday (0 to 7)"),
        ("0 0 * foo *", "'foo' is not a valid month (1 to 12)"),
        ("*/0 * * * *", "'*/0' is not a valid minute (0 to 59)"),
        ("1, * * * *", "'1,' is not a valid minute (0 to 59)"),
        ("0 0 30 2 1", "none of its months has such a day"),
        ("0 0 30 2 *", "none of its months has such a day"),
        ("0 0 31 4,6,9,11 *", "none of its months has such a day"),
        ("* * * *", "it has 4 fields instead of 5"),
        ("@fortnightly", "it has 1 fields instead of 5"),
    ],
)
def test_what_means_no_time_says_why(text: str, says: str) -> None:
    assert cron_error(text) == says


def values(least: int, most: int, names: tuple[str, ...]) -> st.SearchStrategy[str]:
    one = st.integers(0, most + 2).map(str) | (st.sampled_from(names) if names else st.nothing())
    part = st.one_of(st.just("*"), one, st.tuples(one, one).map("-".join))
    step = st.one_of(st.just(""), st.integers(0, most + 2).map("/{}".format))
    return st.lists(st.tuples(part, step).map("".join), min_size=1, max_size=2).map(",".join)


@settings(max_examples=40)
@given(st.tuples(*(st.one_of(st.just("*"), values(least, most, names)) for _, least, most, names in FIELDS)))
def test_what_is_accepted_can_be_loaded(fields: tuple[str, ...]) -> None:
    text = " ".join(fields)
    assume(cron_error(text) is None)
    assert is_valid_cron_schedule(text)
