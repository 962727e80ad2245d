"""Clock of the emulator: real time, or a time that a test or a demo sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Time of the emulated amoCRM: ``Clock()`` runs in real time, ``Clock(instant)`` is frozen."""

    def __init__(self, instant: datetime | None = None) -> None:
        self._instant: datetime | None = None
        self._ahead = timedelta()
        if instant is not None:
            self.set(instant)

    def now(self) -> datetime:
        """Return the current instant in UTC."""
        return self._instant if self._instant is not None else datetime.now(UTC) + self._ahead

    def set(self, instant: datetime) -> None:
        """Freeze the clock at ``instant``, which must be aware and may be earlier than the current one."""
        if instant.tzinfo is None:
            raise ValueError(f"an instant needs a timezone: {instant!r}")
        self._instant = instant.astimezone(UTC)

    def run(self) -> None:
        """Run in real time from the current instant, or from the machine's time if that is later."""
        if self._instant is not None:
            self._ahead = max(self._instant - datetime.now(UTC), timedelta())
            self._instant = None

    def advance(self, by: timedelta) -> datetime:
        """Move the clock by ``by``, which may be negative, and return the new instant. A running clock runs on."""
        if self._instant is None:
            self._ahead += by
        else:
            self._instant += by
        return self.now()

    def timestamp(self) -> int:
        """Return the instant in unix seconds, as in the API."""
        return int(self.now().timestamp())
