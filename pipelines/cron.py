"""Whether a schedule as cron writes it means any time at all. When that is, Dagster works out."""

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
"""Each field's name, smallest and largest value, and the names that stand for values from the smallest on."""

LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_PART: Final = re.compile(r"(?:\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]{1,4}))?")


def cron_mistake(text: str) -> str | None:
    """What is wrong with the schedule, as the end of a sentence; None where nothing is."""
    if text in MACROS:
        return None
    fields = text.lower().split()
    if len(fields) != len(FIELDS):
        return f"it has {len(fields)} fields in place of {len(FIELDS)}"
    found = []
    for written, (name, least, most, names) in zip(fields, FIELDS, strict=True):
        values = _values(written, least, most, names)
        if not values:
            return f"{written[:40]!r} is no {name} ({least} to {most})"
        found.append(values)
    _, _, days, months, _ = found
    if min(days) > max(LONGEST_MONTHS[month - 1] for month in months):
        return "no month of it has such a day"
    return None


def _values(written: str, least: int, most: int, names: tuple[str, ...]) -> set[int]:
    """All values that a field stands for; none where it is wrong."""
    values: set[int] = set()
    for part in written.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return set()
        first = _value(match[1], names, least) if match[1] else least
        last = _value(match[2], names, least) if match[2] else first if match[1] and not match[3] else most
        step = int(match[3] or 1)
        if first is None or last is None or not (least <= first <= most and least <= last <= most) or step < 1:
            return set()
        # A range may go over the end: 22-4 are the hours of a night, fri-sun a weekend.
        run = [*range(first, last + 1)] if first <= last else [*range(first, most + 1), *range(least, last + 1)]
        values.update(run[::step])
    return values


def _value(written: str, names: tuple[str, ...], least: int) -> int | None:
    if written in names:
        return names.index(written) + least
    return int(written) if written.isdigit() and len(written) <= 2 else None
