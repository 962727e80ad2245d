"""Sparkline: a series of numbers as one line of text."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
BLANK = " "
GAP = "·"


def sparkline(numbers: Sequence[int | None]) -> str:
    """Draw one bar per number, from the smallest to the largest; gaps between numbers become dots.

    >>> sparkline([None, 1, 2, None, 8])
    ' ▁▂·█'
    """
    known = [number for number in numbers if number is not None]
    if not known:
        return BLANK * len(numbers)
    low, spread = min(known), max(known) - min(known)
    first, last = _first_and_last_known(numbers)
    return "".join(
        (GAP if first < position < last else BLANK) if number is None else _bar(number - low, spread)
        for position, number in enumerate(numbers)
    )


def _bar(above: int, spread: int) -> str:
    """Return the bar for a number's distance from the minimum; the middle bar for a constant series."""
    return BARS[round(above / spread * (len(BARS) - 1))] if spread else BARS[len(BARS) // 2 - 1]


def _first_and_last_known(numbers: Sequence[int | None]) -> tuple[int, int]:
    positions = [position for position, number in enumerate(numbers) if number is not None]
    return positions[0], positions[-1]
