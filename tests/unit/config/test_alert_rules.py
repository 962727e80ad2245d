"""Alert rules: parsing, formatting, and invalid rules."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.base.errors import SettingsError
from pipelines.config.alert_rules import BOTH_DIRECTIONS, MAX_DAYS, SizeRule, parse_rule_table, parse_rules


def table(text: str) -> Any:
    return tomllib.loads(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("percent = 10", SizeRule(percent=Decimal(10), smallest=20)),
        ("percent = 2.5\nsmallest = 0", SizeRule(percent=Decimal("2.5"))),
        ("customers = 50\ndays = 7", SizeRule(customers=50, days=7)),
        ("customers = 5\npercent = 10", SizeRule(customers=5, percent=Decimal(10))),
        ('percent = 100\ndirection = "down"', SizeRule(percent=Decimal(100), directions=("down",), smallest=20)),
        ('customers = 1\nsegments = ["VIP", 12]', SizeRule(customers=1, segments=("VIP", 12))),
    ],
)
def test_a_table_is_a_rule(text: str, rule: SizeRule) -> None:
    assert parse_rule_table(table(text)) == rule


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("down 10% in 7 days", [SizeRule(percent=Decimal(10), directions=("down",), days=7, smallest=20)]),
        ("50", [SizeRule(customers=50)]),
        ("either 1.5 % and 50 customers from 200;", [SizeRule(percent=Decimal("1.5"), customers=50, smallest=200)]),
        ("UP 1 in 1 day ; 5%", [SizeRule(customers=1, directions=("up",)), SizeRule(percent=Decimal(5), smallest=20)]),
    ],
)
def test_a_line_holds_rules(text: str, rules: list[SizeRule]) -> None:
    assert list(parse_rules(text)) == rules


@given(
    st.sampled_from([("up",), ("down",), BOTH_DIRECTIONS]),
    st.one_of(st.none(), st.decimals(Decimal("0.01"), 100, places=2)),
    st.one_of(st.none(), st.integers(1, 10**12)),
    st.integers(1, MAX_DAYS),
    st.integers(1, 10**12),
)
def test_a_rule_s_text_is_that_rule(
    directions: Any, percent: Decimal | None, customers: int | None, days: int, smallest: int
) -> None:
    customers = customers if percent is not None or customers else 1
    rule = SizeRule(directions=directions, percent=percent, customers=customers, days=days, smallest=smallest)
    assert parse_rules(rule.text) == (rule,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("days = 7", "percent and customers are missing.*percent, customers"),
        ("percent = 0", "percent is 0.*above 0"),
        ("percent = -5", "percent is -5"),
        ("percent = nan", "percent is nan"),
        ("percent = inf", "percent is inf"),
        ("percent = true", "percent is True"),
        ('percent = "10%"', "percent is '10%'"),
        ('percent = 101\ndirection = "down"', "a size cannot go down by more than 100 %"),
        ("customers = 0", "customers is 0.*whole number from 1"),
        ("customers = 2.5", "customers is 2.5"),
        ("customers = 1\ndays = 0", "days is 0.*from 1 to 3660"),
        ("customers = 1\nsmallest = -1", "smallest is -1"),
        ('customers = 1\ndirection = "sideways"', "direction is 'sideways'.*either"),
        ('customers = 1\ndirection = ["up"]', "direction is"),
        ("customers = 1\nsegments = []", "segments is not a list.*leave it out"),
        ('customers = 1\nsegments = "VIP"', "segments is not a list"),
        ("customers = 1\nsegments = [true]", "segments is not a list"),
        ("customers = 1\nheads = 2", "'heads' is unknown.*segments, direction, customers"),
    ],
)
def test_what_is_no_rule_says_why(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_rule_table(table(text))
    assert re.search(says, str(caught.value))


@pytest.mark.parametrize("text", ["x", "10% 50", "10% and", "and 50", "-10%", "in 7 days", "10% in 7", "0%", "5 %%"])
def test_a_line_that_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_rules(text)
