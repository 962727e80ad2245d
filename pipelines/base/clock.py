"""Time as a value that is passed in, so that tests and simulations can say what time it is."""

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
"""A clock that is further ahead of amoCRM's is wrong, whatever the timezones."""

MAX_LOAD_DURATION: Final = timedelta(hours=1)
"""A snapshot that is further ahead is not that of another load on its way: it was taken by a wrong clock."""


def raise_if_ahead(observed_at: datetime, host_date: str | None) -> None:
    """Raise ``SettingsError`` where this machine's clock is far ahead of amoCRM's ``Date``.

    A snapshot of the future would supersede every later one until that moment has come.
    """
    ahead = _time_ahead(observed_at, host_date)
    if ahead > MAX_AHEAD:
        raise SettingsError(
            f"This machine's clock is {format_duration(ahead.total_seconds())} ahead of amoCRM's, so nothing was stored.",
            advice="Set the clock (NTP), then run again.",
        )


def raise_if_behind(observed_at: datetime, latest_at: datetime | None) -> None:
    """Raise ``SettingsError`` where the newest snapshot is far ahead of this machine's clock, and so supersedes all."""
    ahead = timedelta() if latest_at is None else latest_at - observed_at
    if ahead > MAX_LOAD_DURATION:
        raise SettingsError(
            f"The newest snapshot, of {latest_at:%Y-%m-%d %H:%M} UTC, is {format_duration(ahead.total_seconds())} ahead of this "
            "machine's clock, so nothing was asked.",
            advice="Set the clock (NTP). If it is right by now, loads go on by themselves once that moment has come.",
        )


def is_ahead(observed_at: datetime, host_date: str | None) -> bool:
    """Whether this machine's clock is far ahead of amoCRM's ``Date``; without a date there is no telling."""
    return _time_ahead(observed_at, host_date) > MAX_AHEAD


def _time_ahead(observed_at: datetime, host_date: str | None) -> timedelta:
    try:
        return observed_at - parsedate_to_datetime(host_date or "").astimezone(UTC)
    except ValueError:
        return timedelta()
