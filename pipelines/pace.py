"""How fast amoCRM may be asked, by the settings, and the gates that all processes on one data folder share."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from pipelines.amocrm.host import is_local
from pipelines.amocrm.limits import Gates, Limits
from pipelines.settings import Settings

TO_ONE_HOST: Final = 5.0
TO_ALL_HOSTS: Final = 6.0
"""Requests a second. amoCRM allows 7; requests do not arrive as evenly as they are sent."""


def limits_of(settings: Settings, base_url: str, limits: Limits | None = None) -> Limits:
    """The limits for an account at ``base_url``. An emulator is spared only where the settings say so themselves."""
    to_host, to_all = (math.inf, math.inf) if is_local(base_url) else (TO_ONE_HOST, TO_ALL_HOSTS)
    return replace(
        limits or Limits(),
        requests_per_second=settings.requests_per_second or to_host,
        requests_per_second_per_address=settings.requests_per_second_per_address or to_all,
    )


def gates_of(settings: Settings) -> Gates:
    """The gates of all who use the same data folder."""
    return _gates(settings.data_dir.absolute() / "pace")


@cache
def _gates(folder: Path) -> Gates:
    return Gates(folder)
