"""Rules of size alerts, as settings write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, cast

from pipelines.base.checks import is_integer
from pipelines.base.errors import SettingsError

Direction: TypeAlias = Literal["up", "down"]

BOTH_DIRECTIONS: Final[tuple[Direction, ...]] = ("up", "down")
RULE_KEYS: Final = ("segments", "direction", "customers", "percent", "days", "smallest")
EXAMPLE: Final = '[[accounts.acme.alerts]] direction = "down", percent = 10, days = 7'
TEXT_EXAMPLE: Final = "'down 10% in 7 days' or '10% and 50 in 1 day; up 500 in 30 days'"

MAX_DAYS: Final = 3_660
MAX_CUSTOMERS: Final = 10**12
MAX_PERCENT: Final = Decimal(1_000_000)
DEFAULT_MIN_SIZE: Final = 20
"""Default for rules by percent alone: otherwise a change from 2 to 3 customers would alert."""

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
    """Change of a size that alerts: of segments, or of stages if the account is in periodicity mode.

    With ``customers`` and ``percent`` it has to reach both.
    """

    segments: tuple[int | str, ...] = ()  # ids or current names of segments or stages; empty: all
    directions: tuple[Direction, ...] = BOTH_DIRECTIONS
    customers: int | None = None  # minimum change
    percent: Decimal | None = None  # minimum change, of the earlier size
    days: int = 1  # distance to the day compared with, in the account's timezone
    smallest: int = 0  # minimum of the larger of both sizes

    @property
    def text(self) -> str:
        """Threshold in words: 'down 10 % and 50 customers in 7 days from 20'."""
        direction = self.directions[0] if len(self.directions) == 1 else ""
        sizes = [f"{self.percent.normalize():f} %"] if self.percent is not None else []
        sizes += [f"{self.customers} customers"] if self.customers is not None else []
        days = f"in {self.days} day{'s' * (self.days > 1)}"
        smallest = f"from {self.smallest}" if self.smallest else ""
        return " ".join(filter(None, (direction, " and ".join(sizes), days, smallest)))

    def covers(self, place_id: int, name: str | None) -> bool:
        """Return True if the rule applies to the segment or stage."""
        return not self.segments or place_id in self.segments or name in self.segments


def parse_rule_table(table: Any) -> SizeRule:
    """Parse a rule of accounts.toml. Raises ``SettingsError``."""
    if not isinstance(table, dict):
        raise SettingsError("it is not a table.", advice=f"Write it like {EXAMPLE}.")
    for unknown in table.keys() - set(RULE_KEYS):
        raise SettingsError(f"'{unknown}' is unknown.", advice=f"Write {', '.join(RULE_KEYS)}: {EXAMPLE}.")
    percent, customers = table.get("percent"), table.get("customers")
    return _build_rule(
        segments=_parse_segments(table.get("segments")),
        direction=table.get("direction", "either"),
        percent=None if percent is None else _parse_percent(percent),
        customers=None if customers is None else _parse_integer("customers", customers, 1, MAX_CUSTOMERS),
        days=_parse_integer("days", table.get("days", 1), 1, MAX_DAYS),
        smallest=None if "smallest" not in table else _parse_integer("smallest", table["smallest"], 0, MAX_CUSTOMERS),
    )


def parse_rules(text: str) -> tuple[SizeRule, ...]:
    """Parse rules for all segments or stages from one line of .env: 'down 10% in 7 days; up 500 in 1 day'."""
    return tuple(map(_parse_rule_phrase, filter(None, map(str.strip, text.split(";")))))


def _parse_rule_phrase(phrase: str) -> SizeRule:
    """Parse one rule of such a line."""
    found = _PHRASE.fullmatch(phrase)
    if not found or bool(found["both"]) != bool(found["percent"] and found["customers"]):
        raise SettingsError(f"{phrase[:60]!r} is not a rule.", advice=f"Write e.g. {TEXT_EXAMPLE}.")
    matched = found.groupdict()
    numbers = {name: int(matched[name]) for name in ("customers", "days", "smallest") if matched[name] is not None}
    table: Mapping[str, Any] = numbers | {"direction": (matched["direction"] or "either").lower()}
    return parse_rule_table(table if matched["percent"] is None else {**table, "percent": Decimal(matched["percent"])})


def _build_rule(
    *,
    segments: tuple[int | str, ...],
    direction: object,
    percent: Decimal | None,
    customers: int | None,
    days: int,
    smallest: int | None,
) -> SizeRule:
    """Check how the parts fit together and build the rule."""
    if direction not in (*BOTH_DIRECTIONS, "either"):
        raise SettingsError(f"direction is {direction!r:.40}.", advice='Write "up", "down" or "either".')
    if percent is None and customers is None:
        raise SettingsError("percent and customers are missing.", advice="Add percent, customers, or both.")
    if direction == "down" and percent is not None and percent > 100:
        raise SettingsError("a size cannot go down by more than 100 %.", advice="Write a percent of up to 100.")
    default_min_size = DEFAULT_MIN_SIZE if customers is None else 0
    return SizeRule(
        segments=segments,
        directions=BOTH_DIRECTIONS if direction == "either" else (cast("Direction", direction),),
        customers=customers,
        percent=percent,
        days=days,
        smallest=default_min_size if smallest is None else smallest,
    )


def _parse_segments(value: object) -> tuple[int | str, ...]:
    """Parse a list of names and ids of segments or stages."""
    if value is None:
        return ()
    segments = value if isinstance(value, list) else []
    if not segments or not all(isinstance(segment, str) or is_integer(segment) for segment in segments):
        raise SettingsError(
            "segments is not a list of names and ids.", advice='Write e.g. ["VIP", 184211], or leave it out for all.'
        )
    return tuple(segments)


def _parse_integer(name: str, number: object, minimum: int, maximum: int) -> int:
    """Check an integer and its bounds."""
    if not is_integer(number) or not minimum <= number <= maximum:
        raise SettingsError(f"{name} is {number!r:.40}.", advice=f"Write a whole number from {minimum} to {maximum}.")
    return number


def _parse_percent(number: object) -> Decimal:
    """Parse a percentage above 0."""
    is_number = is_integer(number) or isinstance(number, float | Decimal)
    percent = Decimal(str(number)) if is_number else Decimal(0)
    if not percent.is_finite() or not 0 < percent <= MAX_PERCENT:
        raise SettingsError(f"percent is {number!r:.40}.", advice="Write a number above 0, such as 10 or 2.5.")
    return percent
