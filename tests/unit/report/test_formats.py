"""Numbers and days by country."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pipelines.report.formats import Formats

NOVEMBER = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("country", "number", "day"),
    [
        ("RU", "1\u00a0234\u00a0567", "02.11.2026"),
        ("US", "1,234,567", "11/2/2026"),
        ("BR", "1.234.567", "02/11/2026"),
        ("IN", "12,34,567", "2/11/2026"),
        ("us", "1,234,567", "11/2/2026"),
        ("XX", "1\u00a0234\u00a0567", "2026-11-02"),
        (None, "1\u00a0234\u00a0567", "2026-11-02"),
    ],
)
def test_numbers_and_days(country: str | None, number: str, day: str) -> None:
    formats = Formats.for_account(country, "UTC")
    assert (formats.number(1_234_567), formats.day(NOVEMBER)) == (number, day)


def test_signs_and_unknown_values() -> None:
    formats = Formats.for_account("RU", "UTC")
    assert [formats.signed(number) for number in (5, 0, -1234, None)] == ["+5", "0", "\u22121\u00a0234", "–"]
    assert formats.percent(Decimal("-5.4")) == "\u22125,4\u00a0%"
    assert formats.percent(None) == ""


def test_moments_are_the_accounts_own() -> None:
    instant = datetime(2026, 11, 1, 22, 5, tzinfo=UTC)
    formats = Formats.for_account("RU", "Europe/Moscow")
    assert formats.timestamp(instant) == "02.11.2026 01:05"
    assert formats.day_of(instant) == NOVEMBER
