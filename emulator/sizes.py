"""Size of a simulated segment at an instant, computed from a pattern, a seed and the time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class SizePattern:
    """Influences on a size, as shares of ``base``, the size at the start of the simulation."""

    base: int
    growth: float = 0.0  # gained in the long run; a third of it within the first three months
    weekly: float = 0.0
    peak_weekday: int = 4  # 0 is Monday
    daily: float = 0.0
    peak_hour: int = 14
    season: float = 0.0
    peak_day: int = 350  # of the year
    monthly: float = 0.0  # a step at the first of each month
    noise: float = 0.006
    campaign: float = 0.0  # gained or lost when a campaign starts; fades within weeks
    ramp_days: float = 0.0  # time constant of a new segment's growth


def size_at(
    size_pattern: SizePattern,
    *,
    seed: str,
    started_at: datetime,
    local: datetime,
    age: timedelta,
    campaigns: Sequence[datetime],
) -> int:
    """Return the size at ``local``, in the account's timezone; ``campaigns`` are start times."""
    days = (local - started_at) / DAY
    hour = local.hour + local.minute / 60
    weekday = local.weekday() + hour / 24
    year_day = local.timetuple().tm_yday
    shares = (
        size_pattern.growth * (1 - math.exp(-days / 240)),
        size_pattern.weekly * _cosine(weekday - size_pattern.peak_weekday - 0.5, 7),
        size_pattern.daily * _cosine(hour - size_pattern.peak_hour, 24),
        size_pattern.season * _cosine(year_day - size_pattern.peak_day, 365.25),
        size_pattern.monthly * _hash_to_unit(f"{seed}/{local.year}-{local.month}"),
        size_pattern.noise * _smooth_noise(seed, days * 4),
        size_pattern.campaign * sum(_campaign_effect((local - start) / DAY) for start in campaigns),
        -math.exp(-(age / DAY) / size_pattern.ramp_days) if size_pattern.ramp_days else 0.0,
    )
    return max(0, round(size_pattern.base * math.prod(1 + share for share in shares)))


def _cosine(distance: float, period: float) -> float:
    """1 at distance 0, -1 half a period away."""
    return math.cos(2 * math.pi * distance / period)


def _campaign_effect(days: float) -> float:
    """Return 0 before the start, almost 1 after a day, and almost 0 after some weeks."""
    return math.exp(-days / 12) * (1 - math.exp(-days * 4)) if days > 0 else 0.0


def _smooth_noise(seed: str, position: float) -> float:
    """Return a value in -1..1 that varies smoothly with ``position``."""
    before = math.floor(position)
    weight = (1 - math.cos(math.pi * (position - before))) / 2
    return _hash_to_unit(f"{seed}/{before}") * (1 - weight) + _hash_to_unit(f"{seed}/{before + 1}") * weight


def _hash_to_unit(seed: str) -> float:
    """Return a value in -1..1 that depends only on ``seed``."""
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    return number / 2**63 - 1
