"""The emulator's time: the machine's own, or an instant that a test or a demo sets. Nothing else here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Time as the emulated amoCRM knows it.

    ``Clock()`` follows the machine, ``Clock(instant)`` stands still until it is told to move.
    """

    def __init__(self, instant: datetime | None = None) -> None:
        self._instant: datetime | None = None
        self._ahead = timedelta()
        if instant is not None:
            self.set(instant)

    def now(self) -> datetime:
        """The instant it is, in UTC."""
        return self._instant if self._instant is not None else datetime.now(UTC) + self._ahead

    def set(self, instant: datetime) -> None:
        """Stop at ``instant``, which must be aware; it may lie in the past of the present one."""
        if instant.tzinfo is None:
            raise ValueError(f"an instant needs a timezone: {instant!r}")
        self._instant = instant.astimezone(UTC)

    def run(self) -> None:
        """Go with the machine's time from here on, ahead of it where this clock is; it never goes back."""
        if self._instant is not None:
            self._ahead = max(self._instant - datetime.now(UTC), timedelta())
            self._instant = None

    def advance(self, by: timedelta) -> datetime:
        """Move by ``by``, back when it is negative; a running clock goes on running. Returns the new instant."""
        if self._instant is None:
            self._ahead += by
        else:
            self._instant += by
        return self.now()

    def timestamp(self) -> int:
        """The instant in unix seconds, as the API writes it."""
        return int(self.now().timestamp())
