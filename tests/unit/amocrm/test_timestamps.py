"""Instants and days at their limits."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm.models import Json
from pipelines.amocrm.timestamps import is_midnight, parse_day, parse_timestamp, parse_unix_seconds

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1589615328, datetime(2020, 5, 16, 7, 48, 48, tzinfo=UTC)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253402300800, None),
        (1589615328000, None),  # milliseconds
        (-(10**30), None),
        (10**300, None),
        (True, None),
        ("1589615328", None),
        (None, None),
        ([], None),
    ],
)
def test_unix_seconds_are_instants_where_they_can_be(value: Json, moment: datetime | None) -> None:
    assert parse_unix_seconds(value) == moment


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1589615328, datetime(2020, 5, 16, 7, 48, 48, tzinfo=UTC)),
        ("2020-05-16T10:48:48+03:00", datetime(2020, 5, 16, 7, 48, 48, tzinfo=UTC)),
        ("2020-05-16t07:48:48z", datetime(2020, 5, 16, 7, 48, 48, tzinfo=UTC)),
        ("2020-05-16 07:48:48.5Z", datetime(2020, 5, 16, 7, 48, 48, 500_000, tzinfo=UTC)),
        ("2020-05-16T07:48:48", None),  # no offset
        ("2020-05-16", None),
        ("20200516T074848Z", None),
        ("2020-02-30T00:00:00Z", None),
        ("2020-05-16T24:61:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("٢٠٢٠-05-16T07:48:48Z", None),
        ("1589615328", None),
        ("", None),
        (None, None),
    ],
)
def test_an_instant_is_unix_seconds_or_rfc_3339(value: Json, moment: datetime | None) -> None:
    assert parse_timestamp(value) == moment


@pytest.mark.parametrize(
    ("zone", "midnight", "expected"),
    [
        ("Europe/Moscow", datetime(2020, 5, 15, 21, tzinfo=UTC), date(2020, 5, 16)),
        ("Pacific/Kiritimati", datetime(2020, 5, 15, 10, tzinfo=UTC), date(2020, 5, 16)),  # UTC+14
        ("Etc/GMT+12", datetime(2020, 5, 16, 12, tzinfo=UTC), date(2020, 5, 16)),  # UTC-12
        ("UTC", datetime(2020, 5, 16, tzinfo=UTC), date(2020, 5, 16)),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC), date(2018, 11, 4)),  # begins at one o'clock
        ("Asia/Beirut", datetime(2022, 3, 26, 22, tzinfo=UTC), date(2022, 3, 27)),  # begins at one o'clock
        ("Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), date(2026, 10, 25)),  # has 25 hours
    ],
)
def test_a_day_is_the_accounts(zone: str, midnight: datetime, expected: date) -> None:
    seconds = int(midnight.timestamp())
    assert parse_day(seconds, ZoneInfo(zone)) == expected
    assert is_midnight(seconds, ZoneInfo(zone))
    assert not is_midnight(seconds + 1, ZoneInfo(zone))
    assert not is_midnight(seconds - 1, ZoneInfo(zone))


@pytest.mark.parametrize("value", [None, True, "2020-05-16", "1589576400", 1589615328000, 253402300799, -(10**30), {}])
def test_what_is_no_day_in_the_calendar_is_none(value: Json) -> None:
    assert parse_day(value, MOSCOW) is None
    assert not is_midnight(value, MOSCOW)


@given(st.integers(), st.sampled_from(["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/Sao_Paulo"]))
def test_no_number_breaks_a_day(value: int, zone: str) -> None:
    found = parse_day(value, ZoneInfo(zone))
    assert found is None or is_midnight(value, ZoneInfo(zone)) in (True, False)
