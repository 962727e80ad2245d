"""The simulation: deterministic, and never without changes."""

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Clock, Simulation, World
from emulator.entities import FIELD_TYPES, Mode

BEGIN = datetime(2026, 8, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def advanced_world(
    seed: int, instants: list[datetime], mode: Mode = "segments", customers: int = 0
) -> tuple[World, Simulation]:
    world, simulation = World(clock=Clock(BEGIN)), Simulation(seed, BEGIN, mode, customers=customers)
    for instant in instants:
        simulation.advance(world, instant)
    return world, simulation


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    minutes=st.lists(st.integers(0, 150 * 1440), min_size=1, max_size=12),
    offset=st.integers(-14, 14),
)
def test_one_step_or_many_lead_to_the_same_world(seed: int, minutes: list[int], offset: int) -> None:
    zone = timezone(timedelta(hours=offset))
    instants = [(BEGIN + timedelta(minutes=one)).astimezone(zone) for one in sorted(minutes)]
    one_step, many_steps = advanced_world(seed, instants[-1:]), advanced_world(seed, instants)
    assert one_step[0].to_json() == many_steps[0].to_json()
    assert one_step[1].to_json() == many_steps[1].to_json()


@pytest.mark.parametrize("mode", ["segments", "periodicity"])
def test_customers_live_the_same_way_in_one_step_or_many_and_after_a_restart(mode: Mode) -> None:
    instants = [BEGIN + timedelta(hours=hours) for hours in (0, 30, 31, 700, 1_000)]
    one_step, (world, simulation) = (
        advanced_world(2, instants[-1:], mode, 300),
        advanced_world(2, instants[:3], mode, 300),
    )
    world = World.from_json(json.loads(json.dumps(world.to_json())), clock=Clock(BEGIN))
    simulation = Simulation.from_json(json.loads(json.dumps(simulation.to_json())))
    for instant in instants[3:]:
        simulation.advance(world, instant)
    assert world.to_json() == one_step[0].to_json()
    book, account = world.book(simulation.account_id), world.account(simulation.account_id)
    for segment in account.live_segments():
        assert segment.customers_count == len(book.members("segment", segment.id, instants[-1]))
    moves = sum(one.type == "customer_status_changed" for one in book.events)
    assert (moves > 300) == (mode == "periodicity")


def test_an_event_at_the_very_instant_of_a_step_happens_once() -> None:
    new_segment = BEGIN + timedelta(days=14, hours=12)
    assert (
        advanced_world(1, [new_segment, BEGIN + 20 * DAY])[0].to_json()
        == advanced_world(1, [BEGIN + 20 * DAY])[0].to_json()
    )


def test_a_story_goes_on_where_it_was_left() -> None:
    world, simulation = advanced_world(3, [BEGIN + 40 * DAY])
    world_again = World.from_json(json.loads(json.dumps(world.to_json())), clock=Clock(BEGIN))
    story_again = Simulation.from_json(json.loads(json.dumps(simulation.to_json())))
    story_again.advance(world_again, BEGIN + 100 * DAY)
    assert world_again.to_json() == advanced_world(3, [BEGIN + 100 * DAY])[0].to_json()


def test_seeds_differ() -> None:
    assert advanced_world(1, [BEGIN + DAY])[0].to_json() != advanced_world(2, [BEGIN + DAY])[0].to_json()


def test_nothing_happens_before_the_beginning_or_twice() -> None:
    world, simulation = advanced_world(1, [BEGIN - DAY])
    assert world.accounts == {}
    with pytest.raises(RuntimeError, match="not begun"):
        _ = simulation.account_id
    simulation.advance(world, BEGIN + 9 * DAY)
    before = world.to_json()
    simulation.advance(world, BEGIN + 3 * DAY)
    assert world.to_json() == before


def test_the_page_s_limits_hold_for_years_and_every_day_moves() -> None:
    world, simulation = advanced_world(5, [BEGIN])
    sizes = []
    for number in range(1, 500):
        simulation.advance(world, BEGIN + number * DAY)
        account = world.account(simulation.account_id)
        assert 12 <= len(account.live_segments()) <= 100
        assert len(account.live_fields()) <= 30
        assert len(account.live_stages()) <= 30
        sizes.append({one.id: one.customers_count for one in account.live_segments()})
    assert all(before != after for before, after in pairwise(sizes))
    assert min(size for day in sizes[10:] for size in day.values()) >= 0
    assert max(size for day in sizes for size in day.values()) < 10_000


@pytest.mark.parametrize("week", range(40))
def test_no_week_is_without_a_change_of_words(week: int) -> None:
    def words(days: int) -> object:
        world, simulation = advanced_world(1, [BEGIN + days * DAY])
        shown = world.shown_segments(simulation.account_id)
        return [{key: one for key, one in item.items() if key != "customers_count"} for item in shown]

    assert words(7 * week) != words(7 * week + 7)


def test_sizes_move_through_the_day() -> None:
    world, simulation = advanced_world(1, [BEGIN + 3 * DAY])
    morning = world.shown_segments(simulation.account_id)
    simulation.advance(world, BEGIN + 3 * DAY + timedelta(hours=8))
    assert world.shown_segments(simulation.account_id) != morning


def test_all_eleven_types_of_fields_occur() -> None:
    world, simulation = advanced_world(1, [BEGIN + 40 * DAY])
    shown = world.shown_segments(simulation.account_id)
    assert {one["field_type"] for item in shown for one in item["custom_fields_values"]} == set(FIELD_TYPES)


def test_everything_promised_happens_within_ninety_days() -> None:
    world, simulation = advanced_world(1, [BEGIN])
    first = world.account(simulation.account_id).to_json()
    simulation.advance(world, BEGIN + 90 * DAY)
    last = world.account(simulation.account_id).to_json()

    def by_id(state: dict[str, list[dict[str, object]]], kind: str) -> dict[object, dict[str, object]]:
        return {one["id"]: one for one in state[kind]}

    for kind, changes in {
        "segments": {"name", "color", "values", "price_field_ids"},
        "fields": {"name", "options"},
        "stages": {"color", "conditions"},
    }.items():
        before, after = by_id(first, kind), by_id(last, kind)
        assert after.keys() - before.keys(), f"new {kind}"
        assert any(one["deleted_at"] for one in after.values()), f"deleted {kind}"
        changed = {key for one in before.values() for key in one if one[key] != after[one["id"]][key]}
        assert changes <= changed, kind
    assert "VIP" in [one["name"] for one in last["segments"]]


def test_stages_live_in_the_other_mode() -> None:
    world, simulation = advanced_world(1, [BEGIN + 30 * DAY], mode="periodicity")
    shown = world.shown_stages(simulation.account_id)
    rules = {rule["type"] for stage in shown for group in stage["conditions"] for rule in group}
    assert len(shown) >= 8
    assert rules >= {"tag", "before_purchase", "after_today", "after_purchase"}
    assert world.shown_segments(simulation.account_id) == []


def test_a_campaign_makes_sizes_jump() -> None:
    world, simulation = advanced_world(1, [BEGIN + 38 * DAY])
    name = "Новые за 30 дней"

    def size() -> int:
        shown = world.shown_segments(simulation.account_id)
        return next(int(item["customers_count"]) for item in shown if item["name"] == name)

    before = size()
    simulation.advance(world, BEGIN + 40 * DAY)
    assert size() > before * 1.15


def test_segments_added_by_hand_grow_too() -> None:
    world, simulation = advanced_world(1, [BEGIN + DAY])
    with world.at(BEGIN + DAY):
        segment_id = world.add_segment(simulation.account_id, "Made by hand")
    simulation.advance(world, BEGIN + 20 * DAY)
    sizes = {item["id"]: item["customers_count"] for item in world.shown_segments(simulation.account_id)}
    assert sizes[segment_id] > 50


def test_outages_are_listed() -> None:
    simulation = Simulation(1, BEGIN)
    (begins, ends), *later = simulation.outages(BEGIN + 200 * DAY)
    assert begins == BEGIN + timedelta(days=45, hours=8)
    assert ends - begins > 2 * DAY
    assert [simulation.is_outage_at(one) for one in (begins - DAY, begins, ends - timedelta(seconds=1), ends)] == [
        False,
        True,
        True,
        False,
    ]
    assert len(later) >= 3
    assert all(before[1] < after[0] for before, after in pairwise([(begins, ends), *later]))
