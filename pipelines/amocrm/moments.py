"""Instants and days as the API writes them. Which of the two a value is, is decided by those who call."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.amocrm.records import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def unix_instant(value: Json) -> datetime | None:
    """Unix seconds as an instant; None for anything else, and for what lies outside the years 1 to 9999."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return _EPOCH + timedelta(seconds=value)
    except OverflowError:
        return None


def instant(value: Json) -> datetime | None:
    """Unix seconds, or a text in RFC 3339, as an instant in UTC; None for anything else."""
    if not isinstance(value, str):
        return unix_instant(value)
    if not _RFC_3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(value: Json, timezone: ZoneInfo) -> date | None:
    """The day in ``timezone`` that unix seconds ``value`` lie in: amoCRM writes a date as midnight of the account."""
    moment = unix_instant(value)
    try:
        return None if moment is None else moment.astimezone(timezone).date()
    except OverflowError:
        return None


def is_midnight(value: Json, timezone: ZoneInfo) -> bool:
    """Whether unix seconds ``value`` begin a day in ``timezone``, be it at one o'clock where clocks skip midnight."""
    moment = unix_instant(value)
    try:
        if moment is None:
            return False
        return (moment - timedelta(microseconds=1)).astimezone(timezone).date() < moment.astimezone(timezone).date()
    except OverflowError:
        return False
