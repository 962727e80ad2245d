"""Clock that is passed in, and checks that the system clock agrees with amoCRM's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from pipelines.base.errors import SettingsError
from pipelines.base.text import format_duration


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Time and randomness of one run, passed in so that tests control them."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # aware
    sleep: Callable[[float], None] = time.sleep  # seconds
    monotonic: Callable[[], float] = time.monotonic  # seconds
    random: Callable[[], float] = random.random  # from 0 up to 1


SYSTEM_CLOCK = Clock()

MAX_AHEAD: Final = timedelta(days=2)
"""Tolerance for a clock ahead of amoCRM's. More than any timezone error."""

MAX_LOAD_DURATION: Final = timedelta(hours=1)
"""Tolerance for a latest snapshot ahead of this clock: a parallel load takes no longer than this."""


def raise_if_ahead(observed_at: datetime, host_date: str | None) -> None:
    """Raise ``SettingsError`` if this machine's clock is far ahead of amoCRM's ``Date`` header.

    A snapshot dated in the future would supersede every later one until that time.
    """
    ahead = _time_ahead(observed_at, host_date)
    if ahead > MAX_AHEAD:
        raise SettingsError(
            f"This machine's clock is {format_duration(ahead.total_seconds())} ahead of amoCRM's, "
            "so nothing was stored.",
            advice="Set the clock (NTP), then run again.",
        )


def raise_if_behind(observed_at: datetime, latest_at: datetime | None) -> None:
    """Raise ``SettingsError`` if the latest snapshot is far ahead of this machine's clock."""
    ahead = timedelta() if latest_at is None else latest_at - observed_at
    if ahead > MAX_LOAD_DURATION:
        raise SettingsError(
            f"The latest snapshot, of {latest_at:%Y-%m-%d %H:%M} UTC, is "
            f"{format_duration(ahead.total_seconds())} ahead of this machine's clock, so nothing was fetched.",
            advice="Set the clock (NTP). If it is correct now, loads resume by themselves after that time.",
        )


def is_ahead(observed_at: datetime, host_date: str | None) -> bool:
    """Return True if this machine's clock is far ahead of amoCRM's ``Date``; False without a date."""
    return _time_ahead(observed_at, host_date) > MAX_AHEAD


def _time_ahead(observed_at: datetime, host_date: str | None) -> timedelta:
    """Return how far ``observed_at`` is ahead of an HTTP date; zero if there is no valid date."""
    shown_at = parse_http_date(host_date)
    return timedelta() if shown_at is None else observed_at - shown_at


def parse_http_date(value: str | None) -> datetime | None:
    """Parse the value of a ``Date`` header; None without a value or an offset, and for rubbish."""
    try:
        parsed = parsedate_to_datetime(value or "")
        return None if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: a year or an offset that does not exist
        return None
