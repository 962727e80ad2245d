"""Restore: restorable and other changes, shown before sending."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.amocrm.models import FieldValue, Rule, Segment, Snapshot
from pipelines.base.errors import PlanError
from pipelines.writeback.calls import Plan
from pipelines.writeback.plan import make_plan
from pipelines.writeback.restore import restore_desired
from tests.records import account, field, hours, option, segment, snapshot, stage, text_value

FIELDS = (
    field(1, name="Note"),
    field(2, option(21, value="A"), option(22, value="B"), name="Tags", type="multiselect"),
)
RULE = Rule(group=0, position=0, type="tag", match=None, body={})


def tags(*option_ids: int) -> tuple[FieldValue, ...]:
    return tuple(
        FieldValue(field_id=2, field_type="multiselect", position=at, option_id=one)
        for at, one in enumerate(option_ids)
    )


def of_segments(*segments: Segment, at: float = 0, **changes: Any) -> Snapshot:
    return snapshot(hours(at), segments=segments, **({"fields": FIELDS} | changes))


def of_stages(*stages: Any, at: float = 0) -> Snapshot:
    return snapshot(hours(at), "periodicity", stages=stages)


def planned(live: Snapshot, past: Snapshot, **chosen: Any) -> tuple[Plan, tuple[str, ...]]:
    restored = restore_desired(live, past, **chosen)
    return make_plan(live, restored.desired, is_admin=True), restored.warnings


def test_a_deleted_segment_comes_back_as_a_successor() -> None:
    past = of_segments(segment(51, 120, name="VIP", price_field_ids=(7,), field_values=(text_value(1, "a"), *tags(21))))
    made, warnings = planned(of_segments(at=9), past)
    [call] = made.calls
    assert (call.method, call.changes[0].replaces) == ("POST", 51)
    assert (
        call.changes[0].why
        == "the history of 2026-03-01T12:00:00+03:00 wants it, as the successor of id 51, which is gone"
    )
    assert call.body == {
        "name": "VIP",
        "color": "6610f2",
        "available_products_price_types": [7],
        "custom_fields_values": [
            {"field_id": 1, "values": [{"value": "a"}]},
            {"field_id": 2, "values": [{"enum_id": 21}]},
        ],
    }
    assert warnings == ("segment VIP (id 51): comes back with a new id, without its 120 customers and its conditions.",)


def test_what_was_changed_is_changed_back_and_what_came_later_stays() -> None:
    later = field(3, name="Later")
    past = of_segments(segment(51, name="VIP", field_values=(text_value(1, "a"),)))
    live = of_segments(
        segment(51, name="Gold", color="ae003f", field_values=(*tags(22), text_value(3, "new"))),
        segment(60, name="Newer"),
        fields=(*FIELDS, later),
    )
    made, warnings = planned(live, past)
    assert [(call.method, call.thing_id) for call in made.calls] == [("PATCH", 51)]
    assert made.calls[0].body == {
        "name": "VIP",
        "color": "6610f2",
        "custom_fields_values": [{"field_id": 1, "values": [{"value": "a"}]}, {"field_id": 2, "values": None}],
    }
    assert warnings == ()


def test_an_account_as_it_was_needs_nothing() -> None:
    past = of_segments(segment(51, name="VIP", field_values=tags(21, 22)))
    assert planned(past, past) == (make_plan(past, restore_desired(past, past).desired), ())
    assert planned(past, past)[0].is_empty


def test_a_stage_comes_back_without_its_rules() -> None:
    past = of_stages(
        stage(1, name="New", sort=5), stage(2, [RULE], name="Loyal", sort=6), stage(3, [RULE], name="Kept")
    )
    made, warnings = planned(of_stages(stage(3, name="Kept")), past)
    [call] = made.calls
    assert call.body == [
        {"name": "New", "color": "#fffeb2", "sort": 5, "request_id": "1"},
        {"name": "Loyal", "color": "#fffeb2", "sort": 6, "request_id": "2"},
    ]
    assert [change.replaces for change in call.changes] == [1, 2]
    assert warnings == (
        "stage New (id 1): comes back with a new id, without its customers.",
        "stage Loyal (id 2): comes back with a new id, without its customers, and without its 1 rule(s).",
        "stage Kept (id 3): has other rules now; only amoCRM's interface can set them.",
    )


def test_entities_that_cannot_be_created_are_left_out() -> None:
    past = of_stages(stage(1, name="Closed", is_default=True), stage(2, sort=None), stage(3, name=None))
    made, warnings = planned(of_stages(), past)
    assert made.is_empty
    assert warnings == (
        "stage Closed (id 1): is not brought back: a system stage, which amoCRM adds itself.",
        "stage Stage 2 (id 2): is not brought back: it had no usable place.",
        "stage without a name (id 3): is not brought back: it is gone, and it had no name.",
    )


def test_only_what_is_chosen_comes_back() -> None:
    past = of_segments(segment(51, name="A"), segment(52, name="B"), segment(53, name="C"))
    made, _ = planned(of_segments(segment(52, name="X"), segment(53, name="Y")), past, segment_ids=[53])
    assert [(call.method, call.body) for call in made.calls] == [("PATCH", {"name": "C"})]


def test_only_the_stages_that_are_chosen_come_back() -> None:
    past = of_stages(stage(1, name="A"), stage(2, name="B"))
    made, _ = planned(of_stages(stage(1, name="X"), stage(2, name="Y")), past, stage_ids=[2])
    assert [(call.thing_id, call.body) for call in made.calls] == [(2, {"name": "B"})]


def test_a_warning_names_three_entities() -> None:
    past = of_segments(*(segment(at, name=f"S{at}", color="ffffff") for at in (51, 52, 53)))
    _, warnings = planned(of_segments(segment(51), segment(52), segment(53)), past)
    assert [warning.split(":")[0] for warning in warnings] == [
        "segment S51 (id 51), segment S52 (id 52), segment S53 (id 53)"
    ]


def test_a_deleted_entity_never_matches_a_contemporary_of_its_name() -> None:
    past = of_segments(segment(51, name="VIP"), segment(60, name="Gold"))
    live = of_segments(segment(60, name="VIP"))
    made, _ = planned(live, past, segment_ids=[51])
    assert [(call.method, call.thing_id) for call in made.calls] == [("POST", None)]


def test_a_successor_is_changed_instead_of_added_again() -> None:
    past = of_segments(segment(51, name="VIP"))
    live = of_segments(segment(80, name="Other"), segment(90, name="Renamed"))
    successors = {("segment", 51): 70, ("segment", 70): 90, ("stage", 51): 80}
    made, warnings = planned(live, past, successors=successors)
    assert [(call.method, call.thing_id, call.body) for call in made.calls] == [("PATCH", 90, {"name": "VIP"})]
    assert warnings == ()


@pytest.mark.parametrize("successors", [{("segment", 51): 51}, {("segment", 51): 70, ("segment", 70): 51}])
def test_successors_that_lead_nowhere(successors: Any) -> None:
    made, _ = planned(of_segments(), of_segments(segment(51, name="VIP")), successors=successors)
    assert [call.method for call in made.calls] == ["POST"]


def test_a_later_namesake_replaces_a_deleted_entity_with_a_note() -> None:
    past = of_segments(segment(51, name="VIP", color="ae003f"))
    made, warnings = planned(of_segments(segment(90, name="VIP")), past)
    assert [(call.method, call.thing_id, call.body) for call in made.calls] == [("PATCH", 90, {"color": "ae003f"})]
    assert warnings == ("segment VIP (id 51): is gone; id 90 has its name now and is used instead.",)


@pytest.mark.parametrize(("gone", "there"), [([51], [90, 91]), ([51, 52], [90])])
def test_ambiguous_namesakes_are_left_alone(gone: list[int], there: list[int]) -> None:
    past = of_segments(*(segment(one, name="VIP") for one in gone))
    made, warnings = planned(of_segments(*(segment(one, name="VIP", color="ae003f") for one in there)), past)
    assert made.is_empty
    [warning] = warnings
    assert f"it is unclear whether {' or '.join(f'id {one}' for one in there)}, of the same name, replaced" in warning


def test_what_is_gone_is_not_what_has_the_first_id() -> None:
    assert len(planned(of_segments(segment(1)), of_segments(segment(51, name="VIP")))[0].calls) == 1
    assert len(planned(of_stages(stage(1)), of_stages(stage(51, name="VIP")))[0].calls) == 1


def test_two_gone_namesakes_both_come_back() -> None:
    made, _ = planned(of_segments(), of_segments(segment(51, name="VIP"), segment(52, name="VIP")))
    assert [change.replaces for change in made.changes] == [51, 52]


def test_fields_and_options_that_are_gone_are_left_out() -> None:
    fields = (*FIELDS, field(3, name="Gone"), field(4, name="Turned"))
    values = (text_value(1, "a"), *tags(21, 22), text_value(3, "x"), text_value(4, "a dozen"), text_value(5, "y"))
    past = of_segments(*(segment(at, name=f"S{at}", field_values=values) for at in range(51, 56)), fields=fields)
    now = (
        FIELDS[0],
        field(2, option(21, value="A"), name="Tags", type="multiselect"),
        field(4, name="Turned", type="numeric"),
    )
    live = of_segments(*(segment(at, name=f"S{at}") for at in range(51, 56)), fields=now)
    made, warnings = planned(live, past)
    assert made.calls[0].body["custom_fields_values"] == [
        {"field_id": 1, "values": [{"value": "a"}]},
        {"field_id": 2, "values": [{"enum_id": 21}]},
    ]
    about = "segment S51 (id 51), segment S52 (id 52), segment S53 (id 53) and 2 more: "
    assert warnings == (
        f"{about}an option of the field Tags (id 2) is gone (id 22), and is left out.",
        f"{about}the field Gone (id 3) is gone, and its value is left out.",
        f"{about}the field id 5 is gone, and its value is left out.",
        f"{about}the value of the field Turned (id 4) cannot be written, and is left out.",
    )


def test_a_field_whose_only_option_is_gone_is_left_as_it_is() -> None:
    past = of_segments(segment(51, name="VIP", field_values=tags(22)))
    now = (FIELDS[0], field(2, option(21, value="A"), name="Tags", type="multiselect"))
    live = of_segments(segment(51, name="VIP", field_values=tags(21)), fields=now)
    assert planned(live, past)[0].is_empty


def test_a_colour_outside_the_palette_is_left_out_where_it_would_have_to_be_written() -> None:
    past = of_segments(
        segment(51, name="A", color="ffffff"),
        segment(52, name="B", color="ffffff"),
        segment(53, name="C", color="ffffff"),
    )
    live = of_segments(segment(51, name="A"), segment(52, name="B!", color="FFFFFF"))
    made, warnings = planned(live, past)
    assert [call.body for call in made.calls] == [{"name": "B"}, {"name": "C"}]
    assert (
        "segment A (id 51), segment C (id 53): amoCRM does not offer the colour ffffff, which is left out." in warnings
    )


def test_the_past_of_another_account_or_mode_and_unknown_ids_are_refused_together() -> None:
    past = replace(of_stages(stage(1)), account=account("periodicity", id=5))
    with pytest.raises(PlanError) as caught:
        restore_desired(of_segments(), past, stage_ids=[1, 9], segment_ids=[51])
    assert caught.value.problems == (
        "it is of the account 5, and this is the account 28805383.",
        "the customers mode was periodicity, and is segments now: switch it back first.",
        "there was no stage with the id 9.",
        "there was no segment with the id 51.",
    )
