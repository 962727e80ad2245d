"""The emulated world: contents after changes."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from emulator import Clock, Quirks, World

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World(clock=Clock(BEGIN))


def test_ids_grow_and_are_never_given_twice(world: World) -> None:
    account_id = world.add_account()
    first = world.add_segment(account_id, "A")
    world.delete_segment(account_id, first)
    second = world.add_segment(account_id, "B")
    other_account = world.add_account()
    assert first < second < world.add_segment(other_account, "C")
    assert account_id < other_account


def test_segments_do_not_come_in_the_order_of_their_ids(world: World) -> None:
    account_id = world.add_account()
    ids = [world.add_segment(account_id, f"Segment {number}") for number in range(20)]
    shown = [item["id"] for item in world.shown_segments(account_id)]
    assert sorted(shown) == ids
    assert shown not in (ids, ids[::-1])


def test_a_change_moves_updated_at_and_a_new_size_does_not(world: World) -> None:
    account_id = world.add_account()
    segment_id = world.add_segment(account_id, "VIP", size=3)
    world.clock.advance(timedelta(hours=1))
    world.set_size(account_id, segment_id, 9)
    before = world.shown_segments(account_id)[0]
    assert (before["customers_count"], before["updated_at"]) == (9, int(BEGIN.timestamp()))
    world.rename_segment(account_id, segment_id, "Gold")
    after = world.shown_segments(account_id)[0]
    assert (after["name"], after["updated_at"]) == ("Gold", int(BEGIN.timestamp()) + 3600)
    assert after["created_at"] == int(BEGIN.timestamp())


def test_a_quirk_lets_updated_at_follow_the_size(world: World) -> None:
    world.quirks = Quirks(size_moves_updated_at=True)
    account_id = world.add_account()
    segment_id = world.add_segment(account_id, "VIP")
    world.clock.advance(timedelta(hours=1))
    world.set_size(account_id, segment_id, 9)
    assert world.shown_segments(account_id)[0]["updated_at"] == int(BEGIN.timestamp()) + 3600


@pytest.mark.parametrize("mode", ["segments", "dynamic", "periodicity", "disabled", "unavailable"])
def test_each_mode_shows_its_entities_and_keeps_the_others(world: World, mode: str) -> None:
    account_id = world.add_account()
    world.add_segment(account_id, "VIP")
    world.add_field(account_id, "Note", "text")
    world.switch_mode(account_id, mode)  # type: ignore[arg-type]
    has_segments = mode in ("segments", "dynamic")
    assert len(world.shown_segments(account_id)) == len(world.shown_fields(account_id)) == has_segments
    assert len(world.shown_stages(account_id)) == (4 if mode == "periodicity" else 0)
    world.switch_mode(account_id, "segments")
    assert [item["name"] for item in world.shown_segments(account_id)] == ["VIP"]


def test_what_is_deleted_is_not_shown_until_it_is_restored(world: World) -> None:
    account_id = world.add_account(mode="segments")
    segment_id, field_id = world.add_segment(account_id, "VIP"), world.add_field(account_id, "Note", "text")
    world.set_field_value(account_id, segment_id, field_id, "hello")
    before = world.shown_segments(account_id), world.shown_fields(account_id)

    world.delete_field(account_id, field_id)
    assert world.shown_fields(account_id) == []
    assert world.shown_segments(account_id)[0]["custom_fields_values"] == []
    world.delete_segment(account_id, segment_id)
    assert world.shown_segments(account_id) == []

    world.restore_segment(account_id, segment_id)
    world.restore_field(account_id, field_id)
    assert (world.shown_segments(account_id), world.shown_fields(account_id)) == before


def test_a_stage_lives_with_its_rules(world: World) -> None:
    account_id = world.add_account(mode="periodicity")
    stage_id = world.add_stage(account_id, "Waiting", sort=7, conditions=[[{"type": "after_today"}], []])
    world.edit_stage_rule(account_id, stage_id, 0, 0, {"type": "before_purchase"})
    world.rename_stage(account_id, stage_id, "Still waiting")
    world.recolor_stage(account_id, stage_id, "#fffeb2")
    world.sort_stage(account_id, stage_id, 300)
    shown = world.shown_stages(account_id)[-1]
    assert shown["conditions"] == [[{"type": "before_purchase"}], []]
    assert (shown["name"], shown["color"], shown["sort"]) == ("Still waiting", "#fffeb2", 300)
    shown["conditions"].clear()
    assert world.shown_stages(account_id)[-1]["conditions"], "what is shown is a copy"
    world.delete_stage(account_id, stage_id)
    assert stage_id not in [item["id"] for item in world.shown_stages(account_id)]
    world.restore_stage(account_id, stage_id)
    assert stage_id in [item["id"] for item in world.shown_stages(account_id)]


def test_values_follow_their_type(world: World) -> None:
    account_id = world.add_account(timezone="Asia/Tokyo")
    segment_id = world.add_segment(account_id, "VIP")
    given = {
        "text": ("a", "a"),
        "numeric": (12.5, "12.5"),
        "checkbox": (True, True),
        "url": ("https://x.example", "https://x.example"),
        "textarea": ("a\nb", "a\nb"),
        "streetaddress": ("Tokyo", "Tokyo"),
        # Midnight in Tokyo is the day before in UTC.
        "date": (date(2026, 3, 8), int(datetime(2026, 3, 7, 15, tzinfo=UTC).timestamp())),
        "date_time": (BEGIN, int(BEGIN.timestamp())),
    }
    for kind, (value, _) in given.items():
        world.set_field_value(account_id, segment_id, world.add_field(account_id, kind, kind), value)
    shown = world.shown_segments(account_id)[0]["custom_fields_values"]
    assert {one["field_type"]: one["values"][0]["value"] for one in shown} == {
        kind: value for kind, (_, value) in given.items()
    }
    assert [one["field_id"] for one in shown] == [one["id"] for one in world.shown_fields(account_id)]


def test_options_are_shown_by_the_label_they_have_now(world: World) -> None:
    account_id = world.add_account()
    segment_id = world.add_segment(account_id, "VIP")
    field_id = world.add_field(account_id, "Tastes", "multiselect", options=["beans", "tea"])
    beans, tea = (option["id"] for option in world.shown_fields(account_id)[0]["enums"])
    world.set_field_value(account_id, segment_id, field_id, [tea, beans])

    def labels() -> list[object]:
        shown = world.shown_segments(account_id)[0]["custom_fields_values"]
        return [value for one in shown for value in one["values"]]

    assert labels() == [{"value": "tea", "enum_id": tea}, {"value": "beans", "enum_id": beans}]
    world.rename_option(account_id, field_id, tea, "Green tea")
    assert labels()[0] == {"value": "Green tea", "enum_id": tea}
    world.quirks = Quirks(shows_enum_codes=True)
    assert labels()[0] == {"value": "Green tea", "enum_id": tea, "enum_code": None}
    world.remove_option(account_id, field_id, tea)
    assert [value["enum_id"] for value in labels()] == [beans]  # type: ignore[index]
    world.remove_option(account_id, field_id, beans)
    assert world.shown_segments(account_id)[0]["custom_fields_values"] == []
    tea_again = world.add_option(account_id, field_id, "tea")
    assert tea_again > tea
    world.set_field_value(account_id, segment_id, field_id, tea_again)
    world.set_field_value(account_id, segment_id, field_id, None)
    assert labels() == []
    with pytest.raises(ValueError, match="no options"):
        world.set_field_value(account_id, segment_id, field_id, beans)


def test_unknown_keys_and_odd_values_are_shown_as_they_were_set(world: World) -> None:
    account_id = world.add_account()
    segment_id, field_id = world.add_segment(account_id, "VIP"), world.add_field(account_id, "Note", "text")
    world.set_segment_extra(account_id, segment_id, "bonus_points_max_discount", 50)
    world.set_field_extra(account_id, field_id, "is_secret", True)
    world.retype_field(account_id, field_id, "hologram")
    world.rename_field(account_id, field_id, "Image")
    world.set_raw_values(account_id, segment_id, field_id, [{"depth": {"x": [1]}}, {"value": "\x00"}])
    shown = world.shown_segments(account_id)[0]
    assert shown["bonus_points_max_discount"] == 50
    assert shown["custom_fields_values"][0] == {
        "values": [{"depth": {"x": [1]}}, {"value": "\x00"}],
        "field_id": field_id,
        "field_name": "Image",
        "field_code": None,
        "field_type": "hologram",
    }
    assert world.shown_fields(account_id)[0]["is_secret"] is True


def test_what_happens_at_an_instant_bears_its_date(world: World) -> None:
    account_id = world.add_account()
    with world.at(BEGIN - timedelta(days=9)):
        world.add_segment(account_id, "Old")
    world.add_segment(account_id, "New")
    created = {item["name"]: item["created_at"] for item in world.shown_segments(account_id)}
    assert created["New"] - created["Old"] == 9 * 86_400


def test_a_world_survives_as_json(world: World) -> None:
    account_id = world.add_account(mode="segments")
    segment_id = world.add_segment(account_id, "VIP", size=5, price_field_ids=[288891])
    field_id = world.add_field(account_id, "Channel", "select", options=["a", "b"])
    world.set_field_value(account_id, segment_id, field_id, world.shown_fields(account_id)[0]["enums"][1]["id"])
    world.delete_stage(account_id, next(iter(world.account(account_id).stages)))
    world.quirks = Quirks(default_limit=7)

    again = World.from_json(json.loads(json.dumps(world.to_json())), clock=world.clock)

    assert again.to_json() == world.to_json()
    for mode in ("segments", "periodicity"):
        world.switch_mode(account_id, mode)
        again.switch_mode(account_id, mode)
        assert again.shown_segments(account_id) == world.shown_segments(account_id)
        assert again.shown_stages(account_id) == world.shown_stages(account_id)
    assert again.add_segment(account_id, "New") == world.add_segment(account_id, "New") > segment_id


def test_accounts_do_not_mix(world: World) -> None:
    here, there = world.add_account("Here"), world.add_account("There")
    segment_id = world.add_segment(here, "VIP")
    assert world.shown_segments(there) == []
    with pytest.raises(KeyError):
        world.rename_segment(there, segment_id, "Mine now")
    with pytest.raises(ValueError, match="already"):
        world.add_account(account_id=here)


def test_the_clock_stands_or_runs() -> None:
    still = Clock(BEGIN)
    assert still.advance(timedelta(days=1)) == still.now() == BEGIN + timedelta(days=1)
    still.set(BEGIN)
    assert still.timestamp() == int(BEGIN.timestamp())
    running = Clock()
    running.advance(timedelta(days=-400))
    assert timedelta(days=399) < datetime.now(UTC) - running.now() < timedelta(days=401)
    with pytest.raises(ValueError, match="timezone"):
        Clock(datetime(2026, 1, 1))
