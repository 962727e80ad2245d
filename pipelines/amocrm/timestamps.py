"""Parsers of instants and days as the API writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.amocrm.models import Json
from pipelines.base.checks import is_integer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse_unix_seconds(value: Json) -> datetime | None:
    """Convert Unix seconds to an instant; None for other values and outside the years 1 to 9999."""
    if not is_integer(value):
        return None
    try:
        return _EPOCH + timedelta(seconds=value)
    except OverflowError:
        return None


def parse_timestamp(value: Json) -> datetime | None:
    """Convert Unix seconds or an RFC 3339 text to an instant in UTC; None for other values."""
    if not isinstance(value, str):
        return parse_unix_seconds(value)
    if not _RFC_3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_day(value: Json, timezone: ZoneInfo) -> date | None:
    """Return the day of Unix seconds in ``timezone``. amoCRM writes a date as the account's midnight."""
    timestamp = parse_unix_seconds(value)
    try:
        return None if timestamp is None else timestamp.astimezone(timezone).date()
    except OverflowError:
        return None


def is_midnight(value: Json, timezone: ZoneInfo) -> bool:
    """Return True if Unix seconds begin a day in ``timezone``, even at 1:00 if DST skips midnight."""
    timestamp = parse_unix_seconds(value)
    try:
        if timestamp is None:
            return False
        return (timestamp - timedelta(microseconds=1)).astimezone(timezone).date() < timestamp.astimezone(
            timezone
        ).date()
    except OverflowError:
        return False
