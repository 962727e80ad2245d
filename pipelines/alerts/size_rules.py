"""Decide which size alerts start and end, from sizes, rules and ongoing alerts. Pure.

An alert starts when the change of a segment or stage reaches a rule's threshold, and ends when the
change is clearly below it again. An ongoing alert is not sent again; after it has ended, the next one is a
new alert.
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
"""Fraction of a threshold down to which an alert continues, so that a size near the threshold does
not alert hourly."""

AlertKey: TypeAlias = tuple[int, str, Direction]
ThresholdPosition: TypeAlias = Literal["beyond", "near", "below"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeComparison:
    """Size of a segment in the latest snapshot, or of a stage in the latest scan, and its size ``days`` days before.

    For segments the two are those of ``analytics.segment_trends``.
    """

    is_stage: bool  # False: a segment
    place_id: int
    name: str | None
    days: int
    previous_observed_at: datetime | None  # None: there was no snapshot or scan then
    previous_date: date | None
    previous_count: int | None  # None: the place did not exist, or amoCRM gave no usable number
    observed_at: datetime
    observed_date: date
    customers_count: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OngoingAlert:
    """An alert that has not ended."""

    alert_id: UUID
    place_id: int
    rule: str
    direction: Direction


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAlert:
    """An alert that starts; the comments of ``amocrm.size_alert`` describe its fields."""

    is_stage: bool
    place_id: int
    place_name: str | None
    rule: str
    direction: Direction
    days: int
    previous_observed_at: datetime
    previous_count: int
    observed_at: datetime
    customers_count: int
    missed_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertDecision:
    """Alerts that start and end with a load or scan."""

    started: tuple[NewAlert, ...]
    ended: tuple[UUID, ...]


def evaluate_rules(
    comparisons: Iterable[SizeComparison], rules: Sequence[SizeRule], ongoing: Iterable[OngoingAlert]
) -> AlertDecision:
    """Decide which alerts of segments, or of stages, start and end.

    If a size is missing then or now, the alert's state does not change. If an alert's rule or
    place no longer exists, the alert ends.
    """
    started: dict[AlertKey, NewAlert] = {}
    continuing: set[AlertKey] = set()
    before = {_key_of(alert): alert.alert_id for alert in ongoing}
    for comparison, rule in _applicable_rules(comparisons, rules):
        for direction in rule.directions:
            alert = _potential_alert(comparison, rule, direction)
            if alert is None:
                continuing.add((comparison.place_id, rule.text, direction))
                continue
            position = _compare_to_threshold(alert, rule)
            if position != "below":
                continuing.add(_key_of(alert))
            if position == "beyond" and _key_of(alert) not in before:
                started[_key_of(alert)] = alert
    return AlertDecision(
        started=tuple(started.values()),
        ended=tuple(alert_id for key, alert_id in before.items() if key not in continuing),
    )


def _key_of(alert: OngoingAlert | NewAlert) -> AlertKey:
    """Return the key that is unique among ongoing alerts."""
    return alert.place_id, alert.rule, alert.direction


def _applicable_rules(
    comparisons: Iterable[SizeComparison], rules: Sequence[SizeRule]
) -> Iterator[tuple[SizeComparison, SizeRule]]:
    """Pair each comparison with the rules for its span and place."""
    for comparison in comparisons:
        yield from (
            (comparison, rule)
            for rule in rules
            if rule.days == comparison.days and rule.covers(comparison.place_id, comparison.name)
        )


def _potential_alert(comparison: SizeComparison, rule: SizeRule, direction: Direction) -> NewAlert | None:
    """Build the alert for a comparison, whatever its change; None if a size is missing."""
    if (
        comparison.previous_observed_at is None
        or comparison.previous_date is None
        or comparison.previous_count is None
        or comparison.customers_count is None
    ):
        return None
    return NewAlert(
        is_stage=comparison.is_stage,
        place_id=comparison.place_id,
        place_name=comparison.name,
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
    """Compare an alert's change with its rule's threshold."""
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
