"""Timezones whose names were stored earlier, possibly by a version or machine that knows other names."""

from __future__ import annotations

from zoneinfo import ZoneInfo


def stored_timezone(name: str) -> ZoneInfo:
    """Return the timezone of a stored name; UTC if this machine does not know it, as ``amocrm.local_date`` does."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return ZoneInfo("UTC")
