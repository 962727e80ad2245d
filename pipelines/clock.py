"""Time as a value that is passed in, so that tests and simulations can say what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """What time it is, and how to wait."""

    now: Callable[[], datetime]  # an aware instant
    sleep: Callable[[float], None]  # seconds


SYSTEM_CLOCK = Clock(now=lambda: datetime.now(UTC), sleep=time.sleep)
