"""Size alerts: when one begins, continues, ends and may begin again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.alerts.size_rules import AlertDecision, OngoingAlert, SizeComparison, evaluate_rules
from pipelines.config.alert_rules import BOTH_DIRECTIONS, Direction, SizeRule
from tests.records import START

TODAY = date(2026, 3, 8)
RULE = SizeRule(percent=Decimal(10), smallest=20)


def comparison(
    before: int | None, now: int | None, *, place_id: int = 1, days: int = 1, missed: int = 0
) -> SizeComparison:
    return SizeComparison(
        is_stage=False,
        place_id=place_id,
        name=f"S{place_id}",
        days=days,
        previous_observed_at=START - timedelta(days=days + missed),
        previous_date=TODAY - timedelta(days=days + missed),
        previous_count=before,
        observed_at=START,
        observed_date=TODAY,
        customers_count=now,
    )


def started(before: int | None, now: int | None, rule: SizeRule = RULE) -> list[Direction]:
    """The directions of what begins where nothing lasts."""
    return [event.direction for event in evaluate_rules([comparison(before, now, days=rule.days)], [rule], []).started]


@pytest.mark.parametrize(
    ("rule", "before", "now", "directions"),
    [
        (RULE, 100, 110, ["up"]),
        (RULE, 100, 109, []),
        (RULE, 100, 90, ["down"]),
        (RULE, 100, 91, []),
        (RULE, 2, 3, []),  # half as large again, and nothing to tell of
        (RULE, 19, 20, []),
        (RULE, 18, 20, ["up"]),
        (RULE, 0, 20, ["up"]),
        (RULE, 20, 0, ["down"]),
        (RULE, 100, None, []),
        (RULE, None, 100, []),
        (RULE, 100, 100, []),
        (SizeRule(percent=Decimal(10), directions=("down",)), 100, 200, []),
        (SizeRule(percent=Decimal("0.1")), 10**15, 10**15 + 10**12, ["up"]),
        (SizeRule(percent=Decimal("0.1")), 10**15, 10**15 + 10**12 - 1, []),
        (SizeRule(customers=5), 2, 7, ["up"]),
        (SizeRule(customers=5), 2, 6, []),
        (SizeRule(customers=5, percent=Decimal(10)), 100, 106, []),
        (SizeRule(customers=5, percent=Decimal(10)), 10, 14, []),
        (SizeRule(customers=5, percent=Decimal(10)), 50, 55, ["up"]),
    ],
)
def test_what_reaches_a_threshold(rule: SizeRule, before: int | None, now: int | None, directions: list[str]) -> None:
    assert started(before, now, rule) == directions


def test_nothing_is_reported_without_an_earlier_snapshot() -> None:
    first = SizeComparison(
        is_stage=False,
        place_id=1,
        name="VIP",
        days=1,
        previous_observed_at=None,
        previous_date=None,
        previous_count=None,
        observed_at=START,
        observed_date=TODAY,
        customers_count=100,
    )
    assert evaluate_rules([first], [RULE], []) == AlertDecision(started=(), ended=())


def test_a_rule_is_about_the_segments_it_names_and_about_its_own_days() -> None:
    by_name, by_id = SizeRule(segments=("S1",), customers=1), SizeRule(segments=(2,), customers=2)
    sizes = [comparison(10, 20, place_id=one) for one in (1, 2, 3)]
    events = evaluate_rules(sizes, [by_name, by_id], []).started
    assert [(event.place_id, event.rule) for event in events] == [(1, by_name.text), (2, by_id.text)]
    assert evaluate_rules(sizes, [SizeRule(customers=1, days=7)], []).started == ()


def test_a_gap_before_the_day_to_compare_with_is_counted() -> None:
    [event] = evaluate_rules([comparison(100, 50, missed=3)], [RULE], []).started
    assert (event.days, event.missed_days) == (1, 3)
    assert event.observed_at - event.previous_observed_at == timedelta(days=4)


def test_unknown_sizes_neither_begin_nor_end_an_alert() -> None:
    lasting = [OngoingAlert(alert_id=uuid4(), place_id=1, rule=RULE.text, direction="down")]
    assert evaluate_rules([comparison(100, None)], [RULE], lasting) == AlertDecision(started=(), ended=())


@pytest.mark.parametrize("rules", [[], [SizeRule(customers=99)], [SizeRule(percent=Decimal(10), segments=(2,))]])
def test_an_event_ends_with_its_rule(rules: Sequence[SizeRule]) -> None:
    event = OngoingAlert(alert_id=uuid4(), place_id=1, rule=RULE.text, direction="down")
    assert evaluate_rules([comparison(100, 50)], rules, [event]).ended == (event.alert_id,)


def test_an_event_ends_with_its_segment() -> None:
    event = OngoingAlert(alert_id=uuid4(), place_id=1, rule=RULE.text, direction="down")
    assert evaluate_rules([comparison(100, 50, place_id=2)], [RULE], [event]).ended == (event.alert_id,)


def test_the_other_way_is_another_event() -> None:
    event = OngoingAlert(alert_id=uuid4(), place_id=1, rule=RULE.text, direction="down")
    decision = evaluate_rules([comparison(100, 150)], [RULE], [event])
    assert ([one.direction for one in decision.started], decision.ended) == (["up"], (event.alert_id,))


class Told:
    """An account that is loaded again and again: what was told so far, and what lasts."""

    def __init__(self, *rules: SizeRule) -> None:
        """Nothing was told yet."""
        self.rules = rules
        self.lasting: dict[UUID, OngoingAlert] = {}
        self.told: list[tuple[int, Direction]] = []

    def load(self, sizes: Iterable[SizeComparison]) -> None:
        """One load: decide, and keep what was decided."""
        decision = evaluate_rules(sizes, self.rules, self.lasting.values())
        for alert_id in decision.ended:
            del self.lasting[alert_id]
        for event in decision.started:
            alert_id = uuid4()
            kept = OngoingAlert(alert_id=alert_id, place_id=event.place_id, rule=event.rule, direction=event.direction)
            self.lasting[alert_id] = kept
            self.told.append((event.place_id, event.direction))


def test_an_alert_is_reported_once_and_again_after_it_ended() -> None:
    told = Told(RULE)
    for size in (100, 89, 88, 91, 89, 100, 89):
        told.load([comparison(100, size)])
    assert told.told == [(1, "down"), (1, "down")]


def test_a_size_hovering_at_the_threshold_is_reported_once() -> None:
    told = Told(RULE)
    for size in (90, 91) * 24:
        told.load([comparison(100, size)])
    assert told.told == [(1, "down")]


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 60)), min_size=1, max_size=40),
    st.integers(0, 40),
    st.integers(1, 20),
    st.sampled_from([("up",), ("down",), BOTH_DIRECTIONS]),
)
def test_between_two_events_of_one_kind_the_change_was_below(
    sizes: list[int | None], before: int, customers: int, directions: tuple[Direction, ...]
) -> None:
    told = Told(SizeRule(customers=customers, directions=directions))
    since: dict[Direction, bool] = dict.fromkeys(BOTH_DIRECTIONS, True)  # whether it was below since it was told last
    for size in sizes:
        count = len(told.told)
        told.load([comparison(before, size)])
        new = [direction for _, direction in told.told[count:]]
        for direction in BOTH_DIRECTIONS:
            if size is None:
                assert direction not in new
                continue
            moved = size - before if direction == "up" else before - size
            is_due = direction in directions and moved >= customers and since[direction]
            assert new.count(direction) == is_due
            if is_due:
                since[direction] = False
            elif moved * 10 <= customers * 8:
                since[direction] = True
    assert len({(event.place_id, event.rule, event.direction) for event in told.lasting.values()}) == len(told.lasting)


def test_an_event_names_its_segment() -> None:
    [event] = evaluate_rules([comparison(100, 90, place_id=7)], [RULE], []).started
    assert (event.place_id, event.place_name) == (7, "S7")


def test_an_event_ends_when_the_change_is_down_to_four_fifths_of_the_threshold() -> None:
    told = Told(SizeRule(customers=10))
    for size in (90, 92, 90):
        told.load([comparison(100, size)])
    assert told.told == [(1, "down"), (1, "down")]
