"""Time as a value that is passed in, so that tests and simulations can say what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from pipelines.errors import SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """What time it is, and how to wait."""

    now: Callable[[], datetime]  # an aware instant
    sleep: Callable[[float], None]  # seconds


SYSTEM_CLOCK = Clock(now=lambda: datetime.now(UTC), sleep=time.sleep)

MOST_AHEAD: Final = timedelta(days=2)
"""A clock that is further ahead of amoCRM's is wrong, whatever the timezones."""


def refuse_future(observed_at: datetime, host_date: str | None) -> None:
    """Raise ``SettingsError`` where this machine's clock is days ahead of amoCRM's ``Date``.

    A snapshot of the future would supersede every later one until that day has come.
    """
    try:
        ahead = observed_at - parsedate_to_datetime(host_date or "").astimezone(UTC)
    except ValueError:
        return  # without a date there is nothing to compare with
    if ahead > MOST_AHEAD:
        raise SettingsError(
            f"This machine's clock is {ahead.days} days ahead of amoCRM's, so nothing was stored.",
            advice="Set the clock (NTP), then run again.",
        )
