"""Plans as text and JSON."""

from __future__ import annotations

import json
from decimal import Decimal

from pipelines.amocrm.models import FieldValue
from pipelines.writeback.calls import Plan
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.plan import make_plan
from pipelines.writeback.render import format_change_line, plan_document, render_text
from tests.records import START, account, field, option, segment, snapshot, stage, text_value

FIELDS = (
    field(1, name="Note"),
    field(2, option(21, value="A"), option(22, value="B"), name="Tags", type="multiselect"),
    field(3, name="Rate", type="numeric"),
)
LIVE = snapshot(
    START,
    segments=(
        segment(
            51,
            name="Regulars",
            price_field_ids=(7,),
            field_values=(
                text_value(1, "two\nlines"),
                FieldValue(field_id=3, field_type="numeric", position=0, number=Decimal("0.10")),
            ),
        ),
        segment(52, name="Gone \x1b[31m", field_values=(text_value(1, "bye"),)),
    ),
    fields=FIELDS,
)
WANTED = """\
version: 1
segments:
  - {id: 51, name: VIP, price_field_ids: [], fields: {Note: null, Tags: [A, B], Rate: 0.2}}
  - {name: New, color: ae003f, fields: {Tags: B}}
  - {id: 52, delete: true}
"""


def planned() -> Plan:
    return make_plan(LIVE, parse_desired(WANTED), is_admin=True)


def test_the_plan_explains_each_change() -> None:
    assert (
        render_text(planned())
        == """\
Corner Coffee (account 28805383), changes to match segments.yaml: 1 to add, 1 to change, 1 to delete, in 3 calls.

PATCH segments/51
  ~ segment Regulars (id 51): line 3 of segments.yaml wants it otherwise
      name: Regulars -> VIP
      price_field_ids: [7] -> (nothing)
      field Note: "two\\nlines" -> (nothing)
      field Tags: (nothing) -> [A, B]
      field Rate: 0.10 -> 0.2

POST segments
  + segment New: line 4 of segments.yaml wants it, and there is none of this name
      name: New
      color: ae003f
      field Tags: [B]

DELETE segments/52
  - segment "Gone \\x1b[31m" (id 52): line 5 of segments.yaml says so; 10 customer(s) are in it
      color: "6610f2"
      field Note: bye

Good to know:
  * New stages and segments have no conditions: the API cannot set them, so add them in amoCRM.
  * A deleted segment never comes back with its id, its customers or its conditions.
  * Fields are emptied by 'values: null', as in the vendor's own client; amoCRM does not document it.
"""
    )


def test_one_line_a_change() -> None:
    assert [format_change_line(change) for change in planned().changes] == [
        "~ segment Regulars (id 51): name Regulars -> VIP; price_field_ids [7] -> (nothing); "
        'Note "two\\nlines" -> (nothing); Tags (nothing) -> [A, B]; Rate 0.10 -> 0.2',
        "+ segment New: name New; color ae003f; Tags [B]",
        '- segment "Gone \\x1b[31m" (id 52): color "6610f2"; Note bye',
    ]


def test_stages_of_one_call_stand_together() -> None:
    live = snapshot(START, "periodicity", stages=(stage(1, name=None, sort=None),))
    text = "version: 1\nstages: [{name: A, sort: 1}, {name: B, sort: 2}, {id: 1, sort: 3}]"
    assert render_text(make_plan(live, parse_desired(text), is_admin=True)).startswith(
        "Corner Coffee (account 28805383), changes to match segments.yaml: 2 to add, 1 to change, in 2 calls.\n"
        "\n"
        "PATCH stages/1\n"
        "  ~ stage without a name (id 1): line 2 of segments.yaml wants it otherwise\n"
        "      sort: (nothing) -> 3\n"
        "\n"
        "POST stages\n"
        "  + stage A: line 2 of segments.yaml wants it, and there is none of this name\n"
        "      name: A\n"
        "      sort: 1\n"
        "  + stage B: line 2 of segments.yaml wants it, and there is none of this name\n"
    )


def test_a_deleted_stage_shows_what_is_lost() -> None:
    live = snapshot(
        START, "periodicity", stages=(stage(1, name="A", sort=7), stage(2, name="B", sort=None, color=None))
    )
    made = make_plan(live, parse_desired("version: 1\ncomplete: stages\nstages: []"))
    assert [format_change_line(change) for change in made.changes] == [
        '- stage A (id 1): color "#fffeb2"; sort 7',
        "- stage B (id 2)",
    ]


def test_a_matching_account_needs_no_call() -> None:
    made = make_plan(snapshot(START, account=account(name="A\nB")), parse_desired("version: 1", source="mine.yaml"))
    assert render_text(made) == '"A\\nB" (account 28805383) already matches mine.yaml: nothing to do.\n'


def test_long_values_are_shown_from_where_they_differ() -> None:
    live = snapshot(
        START, segments=(segment(1, name="A", field_values=(text_value(1, "x" * 5000 + "old"),)),), fields=FIELDS
    )
    made = make_plan(live, parse_desired(f"version: 1\nsegments: [{{name: A, fields: {{Note: {'x' * 5000}new}}}}]"))
    [line] = [line for line in render_text(made).splitlines() if "field Note" in line]
    assert line == f"      field Note: ...{'x' * 20}old -> ...{'x' * 20}new"
    assert made.changes[0].edits[0].new == "x" * 5000 + "new"


def test_long_names_and_values_are_cut() -> None:
    made = make_plan(snapshot(START), parse_desired(f"version: 1\nsegments: [{{name: {'n' * 5000}}}]"))
    assert max(map(len, render_text(made).splitlines())) < 250


def test_a_program_reads_all_of_it() -> None:
    told = json.loads(json.dumps(plan_document(planned())))
    assert told["account"] == {"id": 28805383, "name": "Corner Coffee", "mode": "segments"}
    assert told["is_empty"] is False
    assert [(call["method"], call["resource"], call["thing_id"]) for call in told["calls"]] == [
        ("PATCH", "segments", 51),
        ("POST", "segments", None),
        ("DELETE", "segments", 52),
    ]
    assert told["calls"][0]["body"] == {
        "name": "VIP",
        "available_products_price_types": [],
        "custom_fields_values": [
            {"field_id": 1, "values": None},
            {"field_id": 2, "values": [{"enum_id": 21}, {"enum_id": 22}]},
            {"field_id": 3, "values": [{"value": "0.2"}]},
        ],
    }
    assert told["calls"][0]["changes"][0]["edits"][-1] == {
        "property": "custom_fields_values",
        "field": "Rate",
        "field_id": 3,
        "old": "0.10",
        "new": "0.2",
    }
    assert told["notes"] == list(planned().notes)
