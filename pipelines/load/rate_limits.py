"""How fast amoCRM may be asked, by the settings, and the gates that all processes on one data folder share."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from pipelines.amocrm.limits import Limits
from pipelines.amocrm.rate_limiter import RateLimiters
from pipelines.config.host import is_local
from pipelines.config.settings import Settings

HOST_REQUESTS_PER_SECOND: Final = 5.0
ADDRESS_REQUESTS_PER_SECOND: Final = 6.0
"""Requests a second. amoCRM allows 7; requests do not arrive as evenly as they are sent."""


def limits_for(settings: Settings, base_url: str, limits: Limits | None = None) -> Limits:
    """The limits for an account at ``base_url``. An emulator is spared only where the settings say so themselves."""
    to_host, to_all = (
        (math.inf, math.inf) if is_local(base_url) else (HOST_REQUESTS_PER_SECOND, ADDRESS_REQUESTS_PER_SECOND)
    )
    return replace(
        limits or Limits(),
        requests_per_second=settings.requests_per_second or to_host,
        requests_per_second_per_address=settings.requests_per_second_per_address or to_all,
    )


def rate_limiters_for(settings: Settings) -> RateLimiters:
    """The gates of all who use the same data folder."""
    return _rate_limiters(settings.data_dir.absolute() / "pace")


@cache
def _rate_limiters(folder: Path) -> RateLimiters:
    return RateLimiters(folder)
