"""Check of cron schedules. Dagster computes the times."""

from __future__ import annotations

import re
from typing import Final

MACROS: Final = ("@hourly", "@daily", "@weekly", "@monthly")

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),
)
"""Name, minimum and maximum of each field, and names of its values, from the minimum on."""

MAX_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_PART: Final = re.compile(r"(?:\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]{1,4}))?")


def cron_error(text: str) -> str | None:
    """Return what is wrong with a schedule, as the end of a sentence, or None."""
    if text in MACROS:
        return None
    fields = text.lower().split()
    if len(fields) != len(FIELDS):
        return f"it has {len(fields)} fields instead of {len(FIELDS)}"
    found = []
    for field, (name, minimum, maximum, names) in zip(fields, FIELDS, strict=True):
        values = _field_values(field, minimum, maximum, names)
        if not values:
            return f"{field[:40]!r} is not a valid {name} ({minimum} to {maximum})"
        found.append(values)
    _, _, days, months, _ = found
    if min(days) > max(MAX_DAYS_IN_MONTH[month - 1] for month in months):
        return "none of its months has such a day"
    return None


def _field_values(text: str, minimum: int, maximum: int, names: tuple[str, ...]) -> set[int]:
    """Return all values that a field matches; an empty set if it is invalid."""
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return set()
        first = _parse_value(match[1], names, minimum) if match[1] else minimum
        last = _parse_value(match[2], names, minimum) if match[2] else first if match[1] and not match[3] else maximum
        step = int(match[3] or 1)
        if (
            first is None
            or last is None
            or not (minimum <= first <= maximum and minimum <= last <= maximum)
            or step < 1
        ):
            return set()
        # A range may wrap around: 22-4, fri-sun.
        numbers = (
            [*range(first, last + 1)] if first <= last else [*range(first, maximum + 1), *range(minimum, last + 1)]
        )
        values.update(numbers[::step])
    return values


def _parse_value(text: str, names: tuple[str, ...], minimum: int) -> int | None:
    """Return a number or the number of a name; None if it is neither."""
    if text in names:
        return names.index(text) + minimum
    return int(text) if text.isdigit() and len(text) <= 2 else None
