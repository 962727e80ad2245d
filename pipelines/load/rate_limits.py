"""Rate limits from the settings, and the rate limiters that all processes of one data folder share."""

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
"""Requests per second. amoCRM allows 7; the margin absorbs jitter, since requests arrive less
evenly than sent."""


def limits_for(settings: Settings, base_url: str, limits: Limits | None = None) -> Limits:
    """Return the limits for an account at ``base_url``.

    A local emulator has none unless the settings set them.
    """
    to_host, to_all = (
        (math.inf, math.inf) if is_local(base_url) else (HOST_REQUESTS_PER_SECOND, ADDRESS_REQUESTS_PER_SECOND)
    )
    return replace(
        limits or Limits(),
        requests_per_second=settings.requests_per_second or to_host,
        requests_per_second_per_address=settings.requests_per_second_per_address or to_all,
    )


def rate_limiters_for(settings: Settings) -> RateLimiters:
    """Return the rate limiters of the data folder."""
    return _rate_limiters(settings.data_dir.absolute() / "pace")


@cache
def _rate_limiters(folder: Path) -> RateLimiters:
    return RateLimiters(folder)
