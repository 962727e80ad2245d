"""Findings in the response with the account, and in the headers of every response."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pipelines.base.clock import parse_http_date
from pipelines.probe.finding import Finding
from pipelines.probe.reader import ProbeReader, Reading

PATH: Final = "/api/v4/account"
CLOCK_TOLERANCE: Final = timedelta(seconds=60)
MODES: Final = ("segments", "dynamic", "periodicity", "disabled", "unavailable")

_LIMIT_HEADER: Final = re.compile(r"[a-z-]{0,30}(?:rate-?limit|retry-after)[a-z-]{0,30}")


def read_account(reader: ProbeReader) -> Reading:
    """Return the response with the account."""
    return reader.get(PATH, {"with": "datetime_settings,is_api_filter_enabled"})


def mode_of(account: Reading) -> str:
    """Return the account's mode, if it is a known one."""
    mode = account.document.get("customers_mode") if isinstance(account.document, dict) else None
    return mode if mode in MODES else "another"


def has_filter_option(account: Reading) -> bool | None:
    """Return what the account says of the paid option by which lists heed filters."""
    option = account.document.get("is_api_filter_enabled") if isinstance(account.document, dict) else None
    return option if isinstance(option, bool) else None


def probe_account(account: Reading, now: datetime) -> Iterator[Finding]:
    """Yield the findings of the account's response; ``now`` is this machine's time."""

    def finding(name: str, observed: str, *expected: str) -> Finding:
        return Finding(subject="account", name=name, observed=observed, expected=expected)

    yield finding("mode", mode_of(account), *MODES)
    yield finding("time zone", _timezone(account), "stated")
    yield finding("Date header", _clock(account, now), "agrees with this clock")
    yield finding("compression", "gzip" if "gzip" in account.headers.get("content-encoding", "") else "none")
    yield finding(
        "headers of rate limits", ", ".join(filter(_LIMIT_HEADER.fullmatch, sorted(account.headers))) or "none"
    )
    yield finding("option of filters", {True: "on", False: "off", None: "not stated"}[has_filter_option(account)])


def _timezone(account: Reading) -> str:
    try:
        ZoneInfo(account.document["_embedded"]["datetime_settings"]["timezone"])
    except (KeyError, TypeError):
        return "none"
    except (ValueError, OSError):
        return "unknown"
    return "stated"


def _clock(account: Reading, now: datetime) -> str:
    date = account.headers.get("date")
    shown_at = None if date is None else parse_http_date(date)
    if shown_at is None:
        return "none"
    return "agrees with this clock" if abs(now - shown_at) <= CLOCK_TOLERANCE else "differs from this clock"
