"""Which changes of a size somebody wants to be told of, as the settings say it. What follows from it: ``decide``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, cast

from pipelines.errors import SettingsError

Direction: TypeAlias = Literal["up", "down"]

BOTH: Final[tuple[Direction, ...]] = ("up", "down")
KEYS: Final = ("segments", "direction", "customers", "percent", "days", "smallest")
EXAMPLE: Final = '[[accounts.acme.alerts]] direction = "down", percent = 10, days = 7'
TEXT_EXAMPLE: Final = "'down 10% in 7 days' or '10% and 50 in 1 day; up 500 in 30 days'"

MOST_DAYS: Final = 3_660
MOST_CUSTOMERS: Final = 10**12
MOST_PERCENT: Final = Decimal(1_000_000)
USUAL_SMALLEST: Final = 20
"""By percent alone a segment of two would be news as soon as it is one of three."""

_PHRASE: Final = re.compile(
    r"""(?:(?P<direction>up|down|either)\s+)?
    (?:(?P<percent>\d{1,9}(?:\.\d{1,6})?)\s*%)?
    (?P<both>\s+and\s+)?
    (?:(?P<customers>\d{1,15})(?:\s+customers)?)?
    (?:\s+in\s+(?P<days>\d{1,6})\s+days?)?
    (?:\s+from\s+(?P<smallest>\d{1,15}))?""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeRule:
    """A change of a segment's size to tell of. With both ``customers`` and ``percent`` it has to reach both."""

    segments: tuple[int | str, ...] = ()  # ids, and names as they are now; empty: every segment of the account
    directions: tuple[Direction, ...] = BOTH
    customers: int | None = None  # so many more or fewer, at least
    percent: Decimal | None = None  # of the size before, at least
    days: int = 1  # against the day that lies so many of the account's days before
    smallest: int = 0  # only where the size before or now is as large

    @property
    def text(self) -> str:
        """Its threshold in words, which tell it from others: 'down 10 % and 50 customers in 7 days from 20'."""
        direction = self.directions[0] if len(self.directions) == 1 else ""
        sizes = [f"{self.percent.normalize():f} %"] if self.percent is not None else []
        sizes += [f"{self.customers} customers"] if self.customers is not None else []
        days = f"in {self.days} day{'s' * (self.days > 1)}"
        smallest = f"from {self.smallest}" if self.smallest else ""
        return " ".join(filter(None, (direction, " and ".join(sizes), days, smallest)))

    def covers(self, segment_id: int, name: str | None) -> bool:
        """Whether it is about the segment."""
        return not self.segments or segment_id in self.segments or name in self.segments


def rule_of_table(table: Any) -> SizeRule:
    """A rule of accounts.toml. Raises ``SettingsError``."""
    if not isinstance(table, dict):
        raise SettingsError("it is not a table.", advice=f"Write it like {EXAMPLE}.")
    for unknown in table.keys() - set(KEYS):
        raise SettingsError(f"'{unknown}' is not known.", advice=f"Write {', '.join(KEYS)}: {EXAMPLE}.")
    percent, customers = table.get("percent"), table.get("customers")
    return _rule(
        segments=_segments(table.get("segments")),
        direction=table.get("direction", "either"),
        percent=None if percent is None else _percent(percent),
        customers=None if customers is None else _whole("customers", customers, 1, MOST_CUSTOMERS),
        days=_whole("days", table.get("days", 1), 1, MOST_DAYS),
        smallest=None if "smallest" not in table else _whole("smallest", table["smallest"], 0, MOST_CUSTOMERS),
    )


def rules_of_text(text: str) -> tuple[SizeRule, ...]:
    """Rules for every segment, as one line of .env has them: 'down 10% in 7 days; up 500 in 1 day'."""
    return tuple(map(_rule_of_phrase, filter(None, map(str.strip, text.split(";")))))


def _rule_of_phrase(phrase: str) -> SizeRule:
    found = _PHRASE.fullmatch(phrase)
    if not found or bool(found["both"]) != bool(found["percent"] and found["customers"]):
        raise SettingsError(f"{phrase[:60]!r} is no rule.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
    said = found.groupdict()
    numbers = {name: int(said[name]) for name in ("customers", "days", "smallest") if said[name] is not None}
    table: Mapping[str, Any] = numbers | {"direction": (said["direction"] or "either").lower()}
    return rule_of_table(table if said["percent"] is None else {**table, "percent": Decimal(said["percent"])})


def _rule(
    *,
    segments: tuple[int | str, ...],
    direction: object,
    percent: Decimal | None,
    customers: int | None,
    days: int,
    smallest: int | None,
) -> SizeRule:
    """The rule, where its parts make one."""
    if direction not in (*BOTH, "either"):
        raise SettingsError(f"direction is {direction!r:.40}.", advice='Write "up", "down" or "either".')
    if percent is None and customers is None:
        raise SettingsError("it does not say how large a change is.", advice="Add percent, customers, or both.")
    if direction == "down" and percent is not None and percent > 100:
        raise SettingsError("no size goes down by more than 100 %.", advice="Write a percent of up to 100.")
    usual = USUAL_SMALLEST if customers is None else 0
    return SizeRule(
        segments=segments,
        directions=BOTH if direction == "either" else (cast("Direction", direction),),
        customers=customers,
        percent=percent,
        days=days,
        smallest=usual if smallest is None else smallest,
    )


def _segments(given: object) -> tuple[int | str, ...]:
    if given is None:
        return ()
    named = given if isinstance(given, list) else []
    if not named or not all(isinstance(one, int | str) and not isinstance(one, bool) for one in named):
        raise SettingsError(
            "segments is not a list of names and ids.", advice='Write e.g. ["VIP", 184211], or leave it out for all.'
        )
    return tuple(named)


def _whole(name: str, number: object, least: int, most: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise SettingsError(f"{name} is {number!r:.40}.", advice=f"Write a whole number from {least} to {most}.")
    return number


def _percent(number: object) -> Decimal:
    is_number = isinstance(number, int | float | Decimal) and not isinstance(number, bool)
    percent = Decimal(str(number)) if is_number else Decimal(0)
    if not percent.is_finite() or not 0 < percent <= MOST_PERCENT:
        raise SettingsError(f"percent is {number!r:.40}.", advice="Write a number above 0, such as 10 or 2.5.")
    return percent
