"""Which events to tell of: sizes, rules and what was told before in, what begins and what ends out. Pure.

An event begins when a segment's change reaches a rule's threshold, and ends when it is clearly below again. While it
lasts nobody is told again; once it has ended, the next one is another event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias
from uuid import UUID

from pipelines.size_alerts.rules import Direction, SizeRule

CLEARLY_BELOW: Final = Decimal("0.8")
"""Of a threshold. From here to the threshold nothing begins or ends: a size that hovers there is not told hourly."""

Key: TypeAlias = tuple[int, str, Direction]
Standing: TypeAlias = Literal["beyond", "near", "below"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A segment of the newest snapshot beside the day that lies ``days`` before, as in ``analytics.segment_trends``."""

    segment_id: int
    name: str | None
    days: int
    previous_observed_at: datetime | None  # None: nothing had been observed by then
    previous_date: date | None
    previous_count: int | None  # None: the segment was not there, or no usable number came
    observed_at: datetime
    observed_date: date
    customers_count: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lasting:
    """An event that has not ended."""

    alert_id: UUID
    segment_id: int
    rule: str
    direction: Direction

    @property
    def key(self) -> Key:
        """What there is one event of at a time."""
        return self.segment_id, self.rule, self.direction


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """An event to tell of; the comments of ``amocrm.size_alert`` say what its columns mean."""

    segment_id: int
    segment_name: str | None
    rule: str
    direction: Direction
    days: int
    previous_observed_at: datetime
    previous_count: int
    observed_at: datetime
    customers_count: int
    missed_days: int

    @property
    def key(self) -> Key:
        """What there is one event of at a time."""
        return self.segment_id, self.rule, self.direction


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a load changes."""

    begun: tuple[Begun, ...]
    ended: tuple[UUID, ...]


def decide(compared: Iterable[Compared], rules: Sequence[SizeRule], lasting: Iterable[Lasting]) -> Decision:
    """What begins and what ends.

    What cannot be compared, for want of a number then or now, changes nothing. An event of a rule or a segment that is
    not there any more ends.
    """
    begun: dict[Key, Begun] = {}
    kept: set[Key] = set()
    before = {event.key: event.alert_id for event in lasting}
    for one, rule in _pairs(compared, rules):
        for direction in rule.directions:
            event = _event(one, rule, direction)
            if event is None:
                kept.add((one.segment_id, rule.text, direction))
                continue
            standing = _standing(event, rule)
            if standing != "below":
                kept.add(event.key)
            if standing == "beyond" and event.key not in before:
                begun[event.key] = event
    return Decision(
        begun=tuple(begun.values()), ended=tuple(alert_id for key, alert_id in before.items() if key not in kept)
    )


def _pairs(compared: Iterable[Compared], rules: Sequence[SizeRule]) -> Iterator[tuple[Compared, SizeRule]]:
    for one in compared:
        yield from ((one, rule) for rule in rules if rule.days == one.days and rule.covers(one.segment_id, one.name))


def _event(one: Compared, rule: SizeRule, direction: Direction) -> Begun | None:
    """The event that there would be; None where there is nothing to compare."""
    if (
        one.previous_observed_at is None
        or one.previous_date is None
        or one.previous_count is None
        or one.customers_count is None
    ):
        return None
    return Begun(
        segment_id=one.segment_id,
        segment_name=one.name,
        rule=rule.text,
        direction=direction,
        days=one.days,
        previous_observed_at=one.previous_observed_at,
        previous_count=one.previous_count,
        observed_at=one.observed_at,
        customers_count=one.customers_count,
        missed_days=(one.observed_date - one.previous_date).days - one.days,
    )


def _standing(event: Begun, rule: SizeRule) -> Standing:
    """Where a change stands to the threshold."""
    before, now = event.previous_count, event.customers_count
    moved = now - before if event.direction == "up" else before - now
    if moved <= 0 or max(before, now) < rule.smallest:
        return "below"
    reached = [(moved, Decimal(rule.customers))] if rule.customers is not None else []
    if rule.percent is not None:
        reached.append((100 * moved, rule.percent * before))
    if all(change >= threshold for change, threshold in reached):
        return "beyond"
    return "near" if all(change > threshold * CLEARLY_BELOW for change, threshold in reached) else "below"
