"""Hours of the day in which scheduled scans of customers may start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from pipelines.base.errors import SettingsError

_WINDOW: Final = re.compile(r"daily(?: ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanWindow:
    """Hours of each day in the schedule's timezone. They may pass midnight."""

    start: time = time(1)
    end: time = time(6)

    def holds(self, instant: datetime) -> bool:
        """Return True if the local time of an instant is within the window."""
        clock = instant.time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


def parse_scan_window(text: str) -> ScanWindow:
    """Parse ``daily``, or ``daily 22:00-05:00``."""
    match = _WINDOW.fullmatch(text)
    if match is None or (match[1] and match.groups()[:2] == match.groups()[2:]):
        raise SettingsError(
            f"{text[:40]!r} is not 'daily', with hours or without.", advice="Write daily, or e.g. daily 22:00-05:00."
        )
    if match[1] is None:
        return ScanWindow()
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    return ScanWindow(start=time(start_hour, start_minute), end=time(end_hour, end_minute))
