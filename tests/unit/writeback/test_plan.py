"""Plans: calls, bodies and order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.amocrm.models import FieldValue, Rule, Segment, Snapshot, Stage
from pipelines.writeback.calls import Plan
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.plan import make_plan
from tests.records import START, account, field, option, segment, snapshot, stage, text_value

PAYLOADS = Path(__file__).parents[2] / "payloads"


def sent_on_the_page(case: str) -> Any:
    return json.loads((PAYLOADS / case / "request.json").read_text(encoding="utf-8"))


def with_segments(*segments: Segment, **changes: Any) -> Snapshot:
    return snapshot(START, segments=segments, **changes)


def with_stages(*stages: Stage) -> Snapshot:
    return snapshot(START, "periodicity", stages=stages)


def plan(live: Snapshot, text: str) -> Plan:
    return make_plan(live, parse_desired(f"version: 1\n{text}"))


def requests(made: Plan) -> list[tuple[str, str, int | None]]:
    return [(call.method, call.resource, call.thing_id) for call in made.calls]


def test_new_stages_go_in_one_call_as_on_the_page_each_with_a_request_id() -> None:
    made = plan(
        with_stages(),
        "stages:\n"
        "- {name: New stage, sort: 100, color: '#fffeb2'}\n"
        "- {name: New stage 2, sort: 200, color: '#fffeb2'}\n",
    )
    assert requests(made) == [("POST", "stages", None)]
    [call] = made.calls
    assert [one.pop("request_id") for one in call.body] == [change.request_id for change in call.changes] == ["1", "2"]
    assert call.body == sent_on_the_page("stages_add")


def test_a_stage_is_changed_as_on_the_page() -> None:
    made = plan(
        with_stages(stage(5649280, name="Old", sort=5)), "stages: [{id: 5649280, name: New stage name, color: c1e0ff}]"
    )
    assert requests(made) == [("PATCH", "stages", 5649280)]
    assert made.calls[0].body == sent_on_the_page("stage_update")


def test_a_new_segment_is_sent_as_on_the_page() -> None:
    fields = (
        field(245035, name="Segment description"),
        field(245351, option(387477, value="A"), name="Kind", type="multiselect"),
    )
    made = plan(
        with_segments(fields=fields),
        "segments:\n"
        "- name: Example segment\n"
        "  color: ae003f\n"
        "  fields: {Segment description: This is an example segment, Kind: [A]}\n",
    )
    assert requests(made) == [("POST", "segments", None)]
    assert made.calls[0].body == without_names(sent_on_the_page("segment_add"))


def test_a_segment_is_changed_as_on_the_page() -> None:
    live = with_segments(segment(17, name="Old"), fields=(field(245035, name="Segment description"),))
    made = plan(
        live,
        "segments:\n"
        "- id: 17\n"
        "  name: New segment name\n"
        "  color: ae003f\n"
        "  fields: {Segment description: New segment description}\n",
    )
    assert requests(made) == [("PATCH", "segments", 17)]
    assert made.calls[0].body == without_names(sent_on_the_page("segment_update"))


def without_names(body: Any) -> Any:
    """A body of the page without the names of fields, which their ids make needless."""
    for item in body["custom_fields_values"]:
        item.pop("field_name", None)
    return body


def test_only_what_differs_is_sent() -> None:
    live = with_segments(
        segment(51, name="VIP", price_field_ids=(7,), field_values=(text_value(1, "a"), text_value(2, "b"))),
        fields=(field(1), field(2)),
    )
    made = plan(
        live,
        "segments:\n- {name: VIP, color: '#6610F2', price_field_ids: [7], fields: {Field 1: a, Field 2: c}}\n",
    )
    assert made.calls[0].body == {"custom_fields_values": [{"field_id": 2, "values": [{"value": "c"}]}]}


def test_fields_and_prices_are_emptied_and_the_plan_says_on_what_that_rests() -> None:
    live = with_segments(
        segment(51, name="VIP", price_field_ids=(7,), field_values=(text_value(1, "a"),)), fields=(field(1),)
    )
    made = plan(live, "segments: [{name: VIP, price_field_ids: [], fields: {Field 1: null}}]")
    assert made.calls[0].body == {
        "available_products_price_types": [],
        "custom_fields_values": [{"field_id": 1, "values": None}],
    }
    assert any("'values: null'" in note for note in made.notes)


def test_a_value_of_a_strange_type_can_be_emptied() -> None:
    odd = FieldValue(field_id=1, field_type="payer", position=0, json={"value": {}})
    live = with_segments(segment(51, name="VIP", field_values=(odd,)), fields=(field(1, type="payer"),))
    assert plan(live, "segments: [{name: VIP, fields: {Field 1: null}}]").calls[0].body == {
        "custom_fields_values": [{"field_id": 1, "values": None}]
    }


@pytest.mark.parametrize(
    "text",
    ["segments: []", "segments: [{id: 51}]", "segments: [{name: VIP}]", "segments: [{name: Other, delete: true}]"],
)
def test_what_is_not_mentioned_stays(text: str) -> None:
    assert plan(with_segments(segment(51, name="VIP"), segment(52)), text).is_empty


def test_nothing_is_deleted_unless_requested() -> None:
    live = with_segments(segment(51, name="VIP"), segment(52), segment(53))
    assert requests(plan(live, "segments: [{name: VIP, delete: true}]")) == [("DELETE", "segments", 51)]
    assert requests(plan(live, "complete: segments\nsegments: [{name: VIP}]")) == [
        ("DELETE", "segments", 52),
        ("DELETE", "segments", 53),
    ]


def test_consequences_of_a_deletion_are_shown() -> None:
    rule = Rule(group=0, position=0, type="tag", match=None, body={})
    stages = with_stages(stage(1, [rule]), stage(2))
    assert [change.why for change in plan(stages, "complete: [stages]\nstages: []").changes] == [
        "segments.yaml has a complete list without it; its 1 rule(s) go with it",
        "segments.yaml has a complete list without it",
    ]
    segments = with_segments(segment(1, 120), segment(2, 0), segment(3, None))
    assert [change.why for change in plan(segments, "complete: [segments]\nsegments: []").changes] == [
        "segments.yaml has a complete list without it; 120 customer(s) are in it",
        "segments.yaml has a complete list without it",
        "segments.yaml has a complete list without it",
    ]


def test_a_deletion_shows_every_value_that_is_lost() -> None:
    live = with_segments(
        segment(51, name="VIP", color="ae003f", price_field_ids=(7, 8), field_values=(text_value(1, "a"),)),
        fields=(field(1), field(2)),
    )
    [change] = plan(live, "segments: [{name: VIP, delete: true}]").changes
    lost = {(edit.property, edit.field_id): (edit.old, edit.new) for edit in change.edits}
    assert lost.pop(("color", None))[1] is None
    assert lost == {
        ("available_products_price_types", None): ("[7, 8]", None),
        ("custom_fields_values", 1): ("a", None),
    }
    [change] = plan(with_stages(stage(5, sort=30)), "stages: [{id: 5, delete: true}]").changes
    assert ("sort", "30", None) in [(edit.property, edit.old, edit.new) for edit in change.edits]


def test_a_change_of_prices_shows_both_lists() -> None:
    live = with_segments(segment(51, name="VIP", price_field_ids=(7, 8)))
    [change] = plan(live, "segments: [{name: VIP, price_field_ids: [9]}]").changes
    assert [(edit.old, edit.new, edit.api_value) for edit in change.edits] == [("[7, 8]", "[9]", [9])]


def test_system_stages_stay_though_a_complete_list_lacks_them() -> None:
    live = with_stages(stage(1, is_default=True), stage(2), stage(3, is_default=None))
    assert requests(plan(live, "complete: [stages]\nstages: []")) == [("DELETE", "stages", 2)]


def test_ids_are_matched_before_names() -> None:
    made = plan(
        with_segments(segment(1, name="A"), segment(2, name="B")),
        "segments: [{id: 1, name: B}, {name: A}, {name: B, color: ae003f}]",
    )
    assert requests(made) == [("PATCH", "segments", 1), ("PATCH", "segments", 2), ("POST", "segments", None)]
    assert [call.body for call in made.calls] == [{"name": "B"}, {"color": "ae003f"}, {"name": "A"}]


def test_changes_then_additions_then_deletions() -> None:
    made = plan(
        with_segments(segment(1, name="A"), segment(2, name="B")),
        "segments: [{name: A, delete: true}, {name: C}, {name: B, color: ae003f}]",
    )
    assert [call.method for call in made.calls] == ["PATCH", "POST", "DELETE"]


def test_the_last_place_is_filled_without_deleting_first() -> None:
    live = with_segments(*(segment(number) for number in range(1, 100)))
    made = plan(live, "segments: [{name: A}, {id: 5, delete: true}]")
    assert [call.method for call in made.calls] == ["POST", "DELETE"]
    assert not any("before additions" in note for note in made.notes)
    assert [call.method for call in plan(live, "segments: [{name: A}]").calls] == ["POST"]


def test_a_full_account_deletes_only_as_much_as_each_addition_needs() -> None:
    live = with_segments(*(segment(number) for number in range(1, 100)))
    gone = ", ".join(f"{{id: {number}, delete: true}}" for number in (5, 6, 7))
    made = plan(live, f"segments: [{{name: A}}, {{name: B}}, {{name: C}}, {gone}]")
    assert [call.method for call in made.calls] == ["POST", "DELETE", "POST", "DELETE", "POST", "DELETE"]
    assert [call.thing_id for call in made.calls if call.thing_id] == [5, 6, 7]
    assert any("2 deletion(s) come before additions" in note for note in made.notes)


def test_a_full_account_deletes_stages_until_all_new_ones_fit_in_one_call() -> None:
    live = with_stages(*(stage(number) for number in range(1, 30)))
    gone = ", ".join(f"{{id: {number}, delete: true}}" for number in (4, 5, 6))
    made = plan(live, f"stages: [{gone}, {{name: A, sort: 1}}, {{name: B, sort: 2}}, {{name: C, sort: 3}}]")
    assert [call.method for call in made.calls] == ["DELETE", "DELETE", "POST", "DELETE"]


def test_a_plan_without_calls_has_nothing_to_warn_of() -> None:
    assert plan(with_segments(segment(51)), "segments: [{id: 51}]").notes == ()
    assert plan(with_segments(), "segments: [{name: A, delete: true}]").notes == (
        "There is no segment 'A', so there is nothing to delete.",
    )


def test_a_plan_states_unknown_rights() -> None:
    wanted = parse_desired("version: 1\nsegments: [{name: A}]")
    assert any("administrator" in note for note in make_plan(with_segments(), wanted).notes)
    assert not any("administrator" in note for note in make_plan(with_segments(), wanted, is_admin=True).notes)


def test_an_account_without_either_mode_can_only_be_left_alone() -> None:
    assert make_plan(snapshot(START, "disabled", account=account("disabled")), parse_desired("version: 1")).is_empty
