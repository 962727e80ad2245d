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

from pipelines.config.alert_rules import Direction, SizeRule

HYSTERESIS_RATIO: Final = Decimal("0.8")
"""Of a threshold. From here to the threshold nothing begins or ends: a size that hovers there is not told hourly."""

AlertKey: TypeAlias = tuple[int, str, Direction]
ThresholdPosition: TypeAlias = Literal["beyond", "near", "below"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeComparison:
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
class OngoingAlert:
    """An event that has not ended."""

    alert_id: UUID
    segment_id: int
    rule: str
    direction: Direction

    @property
    def key(self) -> AlertKey:
        """What there is one event of at a time."""
        return self.segment_id, self.rule, self.direction


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAlert:
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
    def key(self) -> AlertKey:
        """What there is one event of at a time."""
        return self.segment_id, self.rule, self.direction


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertDecision:
    """What a load changes."""

    started: tuple[NewAlert, ...]
    ended: tuple[UUID, ...]


def evaluate_rules(
    comparisons: Iterable[SizeComparison], rules: Sequence[SizeRule], ongoing: Iterable[OngoingAlert]
) -> AlertDecision:
    """What begins and what ends.

    What cannot be compared, for want of a number then or now, changes nothing. An event of a rule or a segment that is
    not there any more ends.
    """
    started: dict[AlertKey, NewAlert] = {}
    continuing: set[AlertKey] = set()
    before = {alert.key: alert.alert_id for alert in ongoing}
    for comparison, rule in _applicable_rules(comparisons, rules):
        for direction in rule.directions:
            alert = _potential_alert(comparison, rule, direction)
            if alert is None:
                continuing.add((comparison.segment_id, rule.text, direction))
                continue
            position = _compare_to_threshold(alert, rule)
            if position != "below":
                continuing.add(alert.key)
            if position == "beyond" and alert.key not in before:
                started[alert.key] = alert
    return AlertDecision(
        started=tuple(started.values()),
        ended=tuple(alert_id for key, alert_id in before.items() if key not in continuing),
    )


def _applicable_rules(
    comparisons: Iterable[SizeComparison], rules: Sequence[SizeRule]
) -> Iterator[tuple[SizeComparison, SizeRule]]:
    for comparison in comparisons:
        yield from (
            (comparison, rule)
            for rule in rules
            if rule.days == comparison.days and rule.covers(comparison.segment_id, comparison.name)
        )


def _potential_alert(comparison: SizeComparison, rule: SizeRule, direction: Direction) -> NewAlert | None:
    """The event that there would be; None where there is nothing to compare."""
    if (
        comparison.previous_observed_at is None
        or comparison.previous_date is None
        or comparison.previous_count is None
        or comparison.customers_count is None
    ):
        return None
    return NewAlert(
        segment_id=comparison.segment_id,
        segment_name=comparison.name,
        rule=rule.text,
        direction=direction,
        days=comparison.days,
        previous_observed_at=comparison.previous_observed_at,
        previous_count=comparison.previous_count,
        observed_at=comparison.observed_at,
        customers_count=comparison.customers_count,
        missed_days=(comparison.observed_date - comparison.previous_date).days - comparison.days,
    )


def _compare_to_threshold(alert: NewAlert, rule: SizeRule) -> ThresholdPosition:
    """Where a change stands to the threshold."""
    before, now = alert.previous_count, alert.customers_count
    moved_count = now - before if alert.direction == "up" else before - now
    if moved_count <= 0 or max(before, now) < rule.smallest:
        return "below"
    criteria = [(moved_count, Decimal(rule.customers))] if rule.customers is not None else []
    if rule.percent is not None:
        criteria.append((100 * moved_count, rule.percent * before))
    if all(change >= threshold for change, threshold in criteria):
        return "beyond"
    return "near" if all(change > threshold * HYSTERESIS_RATIO for change, threshold in criteria) else "below"
