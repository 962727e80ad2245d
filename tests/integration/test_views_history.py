"""Views of a fixed history: current state, past state and changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.publish import publish
from tests.conftest import NewDatabase
from tests.records import ACCOUNT_ID, START, origin, segment, snapshot, stage
from tests.sample_history import (
    AFTER_THE_HOUR,
    COLD,
    DISCOUNT,
    FRESH,
    FRIDAY,
    GOOD_FRIDAY,
    MIDNIGHT,
    NEW,
    NOON,
    NORTH,
    NOTE,
    REGION,
    SATURDAY_NIGHT,
    SOUTH,
    SUNDAY_NIGHT,
    THURSDAY,
    VIP,
    WEDNESDAY,
    publish_history,
)

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def world(new_database: NewDatabase, migrated_template: str) -> Iterator[Engine]:
    """The whole history, which no test here adds to."""
    with new_database(migrated_template) as url:
        engine = open_engine(url)
        publish_history(engine)
        yield engine
        engine.dispose()


def query(engine: Engine, sql: str, **parameters: Any) -> Rows:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql), {"account": ACCOUNT_ID, **parameters})]


def test_segments_as_they_are_now(world: Engine) -> None:
    rows = query(
        world,
        "select segment_id, name, customers_count, size_since_at, state_since_at, observed_at, price_field_ids,"
        " field_values from analytics.segments order by segment_id",
    )
    values = {"Region (7)": ["Nord"], "Discount, %": [15], "Region (9)": ["by the sea"]}
    assert rows == [
        (VIP, "VIP club", 130, GOOD_FRIDAY, GOOD_FRIDAY, GOOD_FRIDAY, [11, 12], values),
        (COLD, "Cold", 7, GOOD_FRIDAY, GOOD_FRIDAY, GOOD_FRIDAY, [], {}),
        (FRESH, "Fresh", 6, GOOD_FRIDAY, GOOD_FRIDAY, GOOD_FRIDAY, [], {}),
    ]


def test_states_of_segments(world: Engine) -> None:
    rows = query(
        world,
        "select segment_id, name, field_values -> '8' -> 0, valid_from, valid_to, end_reason"
        " from analytics.segment_history order by segment_id, valid_from",
    )
    assert rows == [
        (VIP, "VIP", 10, FRIDAY, SUNDAY_NIGHT, "changed"),
        (VIP, "VIP", 15, SUNDAY_NIGHT, WEDNESDAY, "changed"),
        (VIP, "VIP club", 15, WEDNESDAY, NOON, "mode_off"),
        (VIP, "VIP club", 15, GOOD_FRIDAY, None, None),
        (NEW, "New", None, FRIDAY, WEDNESDAY, "deleted"),
        (COLD, "Cold", None, FRIDAY, NOON, "mode_off"),
        (COLD, "Cold", None, GOOD_FRIDAY, None, None),
        (FRESH, "Fresh", None, WEDNESDAY, NOON, "mode_off"),
        (FRESH, "Fresh", None, GOOD_FRIDAY, None, None),
    ]


def test_every_size(world: Engine) -> None:
    rows = query(
        world,
        "select segment_id, name, customers_count, change_count, valid_from, valid_to"
        " from analytics.segment_sizes order by segment_id, valid_from",
    )
    assert rows == [
        (VIP, "VIP club", 100, None, FRIDAY, SATURDAY_NIGHT),
        (VIP, "VIP club", 104, 4, SATURDAY_NIGHT, MIDNIGHT),
        (VIP, "VIP club", 110, 6, MIDNIGHT, AFTER_THE_HOUR),
        (VIP, "VIP club", 108, -2, AFTER_THE_HOUR, SUNDAY_NIGHT),
        (VIP, "VIP club", 109, 1, SUNDAY_NIGHT, WEDNESDAY),
        (VIP, "VIP club", 120, 11, WEDNESDAY, NOON),
        (VIP, "VIP club", 130, None, GOOD_FRIDAY, None),
        (NEW, "New", 50, None, FRIDAY, SUNDAY_NIGHT),
        (NEW, "New", 40, -10, SUNDAY_NIGHT, WEDNESDAY),
        (COLD, "Cold", 7, None, MIDNIGHT, NOON),
        (COLD, "Cold", 7, None, GOOD_FRIDAY, None),
        (FRESH, "Fresh", 5, None, WEDNESDAY, NOON),
        (FRESH, "Fresh", 6, None, GOOD_FRIDAY, None),
    ]


def test_days_of_one_segment_with_a_gap_and_the_days_of_another_mode(world: Engine) -> None:
    rows = query(
        world,
        "select name, observed_date, is_observed, last_count, min_count, max_count, observation_count"
        " from analytics.segment_sizes_daily where segment_id = :segment order by observed_date",
        segment=VIP,
    )
    assert rows == [
        ("VIP club", date(2026, 3, 27), True, 100, 100, 100, 1),
        ("VIP club", date(2026, 3, 28), True, 104, 104, 104, 1),
        ("VIP club", date(2026, 3, 29), True, 109, 108, 110, 3),
        ("VIP club", date(2026, 3, 30), False, None, None, None, 0),
        ("VIP club", date(2026, 3, 31), False, None, None, None, 0),
        ("VIP club", date(2026, 4, 1), True, 120, 120, 120, 2),
        ("VIP club", date(2026, 4, 3), True, 130, 130, 130, 1),
    ]


def test_a_gap_is_of_those_segments_only_that_were_there_before_and_after(world: Engine) -> None:
    assert query(world, "select distinct name from analytics.segment_sizes_daily where not is_observed order by 1") == [
        ("Cold",),
        ("VIP club",),
    ]


def test_trends_across_a_gap_and_a_switched_mode(world: Engine) -> None:
    rows = query(
        world,
        "select name, customers_count, observed_1_day_ago_at, count_1_day_ago, observed_7_days_ago_at,"
        " count_7_days_ago, change_7_days, change_7_days_percent, count_30_days_ago, size_rank, share_percent"
        " from analytics.segment_trends order by size_rank",
    )
    assert rows == [
        ("VIP club", 130, THURSDAY, None, FRIDAY, 100, 30, Decimal("30.0"), None, 1, Decimal("90.9")),
        ("Cold", 7, THURSDAY, None, FRIDAY, None, None, None, None, 2, Decimal("4.9")),
        ("Fresh", 6, THURSDAY, None, FRIDAY, None, None, None, None, 3, Decimal("4.2")),
    ]


def test_movers(world: Engine) -> None:
    assert query(
        world,
        "select days, direction, place, name, before_at, before_count, customers_count, change_count, change_percent"
        " from analytics.segment_movers",
    ) == [(7, "up", 1, "VIP club", FRIDAY, 100, 130, 30, Decimal("30.0"))]


def test_field_values_with_labels_as_they_were_and_as_they_are(world: Engine) -> None:
    rows = query(
        world,
        "select segment_name, valid_from, field_id, field_name, field_name_then, value, option_label,"
        " option_label_then, number_value, text_value from analytics.segment_field_values where segment_id = :segment"
        " and valid_from in (:first, :now) order by valid_from, field_id",
        segment=VIP,
        first=FRIDAY,
        now=GOOD_FRIDAY,
    )
    assert rows == [
        ("VIP", FRIDAY, REGION, "Region", "Region", "Nord", "Nord", "North", None, None),
        ("VIP", FRIDAY, DISCOUNT, "Discount, %", "Discount", 10, None, None, Decimal(10), None),
        ("VIP", FRIDAY, NOTE, "Region", "Region", "by the sea", None, None, None, "by the sea"),
        ("VIP club", GOOD_FRIDAY, REGION, "Region", "Region", "Nord", "Nord", "Nord", None, None),
        ("VIP club", GOOD_FRIDAY, DISCOUNT, "Discount, %", "Discount, %", 15, None, None, Decimal(15), None),
        ("VIP club", GOOD_FRIDAY, NOTE, "Region", "Region", "by the sea", None, None, None, "by the sea"),
    ]


def test_fields_as_they_are_now(world: Engine) -> None:
    assert query(world, "select field_id, name, label, type, option_labels from analytics.fields order by 1") == [
        (REGION, "Region", "Region (7)", "select", {"70": "Nord", "71": "South"}),
        (DISCOUNT, "Discount, %", "Discount, %", "numeric", None),
        (NOTE, "Region", "Region (9)", "text", None),
    ]


def test_states_of_fields_and_options(world: Engine) -> None:
    assert query(
        world,
        "select name, valid_from, valid_to, end_reason from analytics.field_history where field_id = :field order by 2",
        field=DISCOUNT,
    ) == [
        ("Discount", FRIDAY, AFTER_THE_HOUR, "changed"),
        ("Discount, %", AFTER_THE_HOUR, NOON, "mode_off"),
        ("Discount, %", GOOD_FRIDAY, None, None),
    ]
    assert query(
        world,
        "select field_name, option_id, label, valid_from, valid_to, end_reason from analytics.option_history"
        " order by option_id, valid_from",
    ) == [
        ("Region", NORTH, "North", FRIDAY, AFTER_THE_HOUR, "changed"),
        ("Region", NORTH, "Nord", AFTER_THE_HOUR, NOON, "mode_off"),
        ("Region", NORTH, "Nord", GOOD_FRIDAY, None, None),
        ("Region", SOUTH, "South", FRIDAY, NOON, "mode_off"),
        ("Region", SOUTH, "South", GOOD_FRIDAY, None, None),
    ]


def test_stages_and_their_rules(world: Engine) -> None:
    assert query(world, "select * from analytics.stages") == [], "the mode is off"
    assert query(
        world,
        "select stage_id, conditions, valid_from, valid_to, end_reason from analytics.stage_history order by 1, 3",
    ) == [
        (21, [[], [{"type": "after_today", "match": {"value": 60}}]], NOON, THURSDAY, "changed"),
        (21, [[], [{"type": "after_today", "match": {"value": 90}}]], THURSDAY, GOOD_FRIDAY, "mode_off"),
        (22, [], NOON, GOOD_FRIDAY, "mode_off"),
    ]
    assert query(
        world,
        "select stage_id, stage_name, group_position, rule_position, type, match, rule_text, valid_from, valid_to"
        " from analytics.stage_rules order by valid_from",
    ) == [
        (21, "Closed", 1, 0, "after_today", 60, "after today: 60 days", NOON, THURSDAY),
        (21, "Closed", 1, 0, "after_today", 90, "after today: 90 days", THURSDAY, GOOD_FRIDAY),
    ]


def rule(kind: object, value: object = None, **parts: object) -> dict[str, object]:
    """Return a rule with the structure of amoCRM's documentation."""
    return {"type": kind, "match": {"value": value}, **parts}


TAGS = [{"id": 1, "name": "Regular"}, {"id": 2, "name": "Club"}]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([], None),
        ([[], []], None),
        (None, None),
        (
            [[rule("before_purchase", 0)], [rule("after_purchase", 1)]],
            "before purchase: 0 days | after purchase: 1 day",
        ),
        ([[rule("tag", [1, 2], conditions=TAGS, logic_operator="or")]], "tag: Regular or Club"),
        ([[rule("tag", conditions=TAGS, match={"value": [1, 2], "logic": "and"})]], "tag: Regular and Club"),
        ([[rule("tag", [1, 2], conditions=[{"id": 1}])]], "tag: 1, 2"),
        ([[rule("new_kind", 3), rule("x", "y")]], "new kind: 3; x: y"),
        ([[rule("a", match=1), rule("b", match=None)], [{"match": {"value": [2, 3]}}]], "a: 1; b | rule: 2, 3"),
        ([[rule("x", {"from": 1}, conditions=None)]], "x: …"),
        ([["z", None, {"type": 5, "conditions": 6}]], "rule: z; rule; 5"),
        ({"type": "y"}, "y"),
        ("text", "rule: text"),
    ],
)
def test_rules_in_words(world: Engine, conditions: object, words: str | None) -> None:
    query_text = "select analytics.conditions_text(cast(:conditions as jsonb))"
    assert query(world, query_text, conditions=json.dumps(conditions)) == [(words,)]


def test_stage_types_have_names_and_other_values_stay(world: Engine) -> None:
    query_text = "select string_agg(analytics.stage_type_text(one), '; ') from unnest(cast(:types as text[])) as one"
    words = "regular; closed (or expected purchase); type 7; type x"
    assert query(world, query_text, types=["0", "3", "7", "x", None]) == [(words,)]


def test_a_changed_type_is_in_words_even_if_it_is_no_number(engine: Engine) -> None:
    states: list[dict[str, Any]] = [{"type": 0}, {"type": 4}, {"type": None, "extra": {"type": "odd"}}]
    for hour, changes in enumerate(states):
        shown = snapshot(START + timedelta(hours=hour), "periodicity", stages=(stage(5, **changes),))
        publish(engine, shown, origin())
    rows = query(engine, "select property, old_text, new_text from analytics.changes order by observed_at")
    assert rows == [("type", "regular", "recently purchased"), ("type", "recently purchased", "type odd")]


def test_stages_while_their_mode_is_on(engine: Engine) -> None:
    publish_history(engine, until=THURSDAY)
    assert query(engine, "select name, state_since_at, observed_at from analytics.stages order by stage_id") == [
        ("Closed", THURSDAY, THURSDAY),
        ("Bought", NOON, THURSDAY),
    ]
    assert query(engine, "select * from analytics.segments") == []
    assert query(engine, "select * from analytics.segment_trends") == []


CHANGES = [
    (SUNDAY_NIGHT, "segment", "VIP", "changed", "field_value", "10", "15"),
    (AFTER_THE_HOUR, "field", "Discount, %", "changed", "name", "Discount", "Discount, %"),
    (AFTER_THE_HOUR, "option", "Nord", "changed", "name", "North", "Nord"),
    (WEDNESDAY, "segment", "Fresh", "added", None, None, None),
    (WEDNESDAY, "segment", "New", "deleted", None, None, None),
    (WEDNESDAY, "segment", "VIP club", "changed", "name", "VIP", "VIP club"),
    (NOON, "account", "Corner Coffee", "changed", "customers_mode", "segments", "periodicity"),
    (NOON, "field", "Discount, %", "mode_off", None, None, None),
    (NOON, "field", "Region", "mode_off", None, None, None),
    (NOON, "field", "Region", "mode_off", None, None, None),
    (NOON, "option", "Nord", "mode_off", None, None, None),
    (NOON, "option", "South", "mode_off", None, None, None),
    (NOON, "segment", "Cold", "mode_off", None, None, None),
    (NOON, "segment", "Fresh", "mode_off", None, None, None),
    (NOON, "segment", "VIP club", "mode_off", None, None, None),
    (NOON, "stage", "Bought", "added", None, None, None),
    (NOON, "stage", "Closed", "added", None, None, None),
    (
        THURSDAY,
        "stage",
        "Closed",
        "changed",
        "conditions",
        "after today: 60 days",
        "after today: 90 days",
    ),
    (GOOD_FRIDAY, "account", "Corner Coffee", "changed", "customers_mode", "periodicity", "segments"),
    (GOOD_FRIDAY, "account", "Corner Coffee", "changed", "timezone", "Europe/Berlin", "Europe/London"),
    (GOOD_FRIDAY, "field", "Discount, %", "mode_on", None, None, None),
    (GOOD_FRIDAY, "field", "Region", "mode_on", None, None, None),
    (GOOD_FRIDAY, "field", "Region", "mode_on", None, None, None),
    (GOOD_FRIDAY, "option", "Nord", "mode_on", None, None, None),
    (GOOD_FRIDAY, "option", "South", "mode_on", None, None, None),
    (GOOD_FRIDAY, "segment", "Cold", "mode_on", None, None, None),
    (GOOD_FRIDAY, "segment", "Fresh", "mode_on", None, None, None),
    (GOOD_FRIDAY, "segment", "VIP club", "mode_on", None, None, None),
    (GOOD_FRIDAY, "stage", "Bought", "mode_off", None, None, None),
    (GOOD_FRIDAY, "stage", "Closed", "mode_off", None, None, None),
]


def test_everything_that_changed(world: Engine) -> None:
    rows = query(
        world,
        "select observed_at, thing, thing_name, change, property, old_text, new_text from analytics.changes",
    )
    assert Counter(rows) == Counter(CHANGES)


def test_a_change_lies_between_two_snapshots(world: Engine) -> None:
    assert query(world, "select distinct observed_at, previous_observed_at from analytics.changes order by 1") == [
        (AFTER_THE_HOUR, MIDNIGHT),
        (SUNDAY_NIGHT, AFTER_THE_HOUR),
        (WEDNESDAY, SUNDAY_NIGHT),
        (NOON, WEDNESDAY),
        (THURSDAY, NOON),
        (GOOD_FRIDAY, THURSDAY),
    ]


def test_a_range_of_time_shows_the_same_changes_as_the_whole(world: Engine) -> None:
    rows = query(
        world,
        "select observed_at, thing, thing_name, change, property, old_text, new_text from analytics.changes"
        " where account_id = :account and observed_at > :after and observed_at < :before",
        after=AFTER_THE_HOUR,
        before=GOOD_FRIDAY,
    )
    assert Counter(rows) == Counter(row for row in CHANGES if AFTER_THE_HOUR < row[0] < GOOD_FRIDAY)


def test_names_of_fields_in_changes_are_those_of_the_time(world: Engine) -> None:
    assert query(
        world,
        "select value_field_id, value_field_name, old_value, new_value from analytics.changes"
        " where property = 'field_value'",
    ) == [(DISCOUNT, "Discount, %", [10], [15])]


@pytest.mark.parametrize(
    ("instant", "observed_at", "sizes"),
    [
        (FRIDAY - timedelta(seconds=1), None, {}),
        (FRIDAY, FRIDAY, {"VIP": 100, "New": 50, "Cold": None}),
        (MIDNIGHT + timedelta(hours=1), MIDNIGHT, {"VIP": 110, "New": 50, "Cold": 7}),
        (SUNDAY_NIGHT + timedelta(days=1), SUNDAY_NIGHT, {"VIP": 109, "New": 40, "Cold": 7}),
        (WEDNESDAY, WEDNESDAY, {"VIP club": 120, "Cold": 7, "Fresh": 5}),
        (NOON, None, {}),
        (GOOD_FRIDAY + timedelta(days=300), GOOD_FRIDAY, {"VIP club": 130, "Cold": 7, "Fresh": 6}),
    ],
)
def test_segments_as_of_an_instant(
    world: Engine, instant: object, observed_at: object, sizes: dict[str, int | None]
) -> None:
    rows = query(
        world, "select name, customers_count, observed_at from analytics.as_of(:account, :instant)", instant=instant
    )
    assert {name: size for name, size, _ in rows} == sizes
    assert {at for _, _, at in rows} == ({observed_at} if observed_at else set())


def test_stages_as_of_an_instant(world: Engine) -> None:
    rows = query(
        world,
        "select name, conditions, observed_at from analytics.stages_as_of(:account, :instant) order by stage_id",
        instant=THURSDAY - timedelta(minutes=1),
    )
    assert rows == [("Closed", [[], [{"type": "after_today", "match": {"value": 60}}]], NOON), ("Bought", [], NOON)]
    assert query(world, "select * from analytics.stages_as_of(:account, :instant)", instant=GOOD_FRIDAY) == []


def test_an_instant_of_another_account_is_empty(world: Engine) -> None:
    assert query(world, "select * from analytics.as_of(:other, :instant)", other=7, instant=GOOD_FRIDAY) == []


def test_snapshots(world: Engine) -> None:
    rows = query(
        world,
        "select observed_at, previous_observed_at, observed_date, timezone, customers_mode, segment_count, stage_count,"
        " field_count, option_count, size_change_count, account_name from analytics.snapshots order by observed_at",
    )
    name = "Corner Coffee"
    assert rows[0] == (FRIDAY, None, date(2026, 3, 27), "Europe/Berlin", "segments", 3, None, 3, 2, 2, name)
    assert rows[2] == (MIDNIGHT, SATURDAY_NIGHT, date(2026, 3, 29), "Europe/Berlin", "segments", 3, None, 3, 2, 2, name)
    assert rows[6] == (NOON, WEDNESDAY, date(2026, 4, 1), "Europe/Berlin", "periodicity", None, 2, None, None, 3, name)
    assert [row[0] for row in rows[1:]] == [
        SATURDAY_NIGHT,
        MIDNIGHT,
        AFTER_THE_HOUR,
        SUNDAY_NIGHT,
        WEDNESDAY,
        NOON,
        THURSDAY,
        GOOD_FRIDAY,
    ]


def test_oddities(world: Engine) -> None:
    assert query(world, "select * from analytics.data_quality") == [
        (ACCOUNT_ID, FRIDAY, MIDNIGHT, False, "missing_value", "segment", COLD, "Cold", "customers_count is missing.")
    ]


def test_a_segments_update_narrows_a_change_down(engine: Engine) -> None:
    """AmoCRM's second is shown if it is after the previous snapshot."""
    hours = [START + timedelta(hours=number) for number in range(4)]
    second = hours[1] + timedelta(seconds=17)
    states = [
        (segment(1, updated_at=START), segment(2, updated_at=START)),
        (segment(1, updated_at=START, name="Unmoved"), segment(2, updated_at=START)),
        (segment(1, updated_at=START, name="Unmoved"), segment(2, updated_at=second, bonus_points_max_discount=5)),
        (segment(1, updated_at=None, name="None"),),
    ]
    for at, segments in zip(hours, states, strict=True):
        gone = frozenset({1, 2}) - {one.id for one in segments}
        publish(engine, snapshot(at, segments=segments, gone_segment_ids=gone), origin())
    assert query(
        engine,
        "select thing_id, property, new_text, updated_at from analytics.changes order by observed_at, thing_id",
    ) == [
        (1, "name", "Unmoved", None),
        (2, "bonus_points_max_discount", "5", second),
        (1, "name", "None", None),
        (2, None, None, None),
    ]
