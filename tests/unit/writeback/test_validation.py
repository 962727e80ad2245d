"""Validation by the vendor's rules: all errors at once, before sending."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.amocrm.models import Snapshot
from pipelines.base.errors import PlanError
from pipelines.writeback import validation
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.plan import make_plan
from tests.records import START, field, option, segment, snapshot, stage, text_value
from tests.unit.writeback.reference_account import SEGMENT_COLORS, STAGE_COLORS

FIELDS = (
    field(1, name="Note"),
    field(2, option(21, value="A"), name="Tags", type="multiselect"),
    field(3, name="Note"),
)
NO_STAGE_COLOR = f"for stages; it offers {', '.join(validation.STAGE_COLORS)}."
NO_SEGMENT_COLOR = f"for segments; it offers {', '.join(validation.SEGMENT_COLORS)}."
UNKEPT = "the text contains a character that the warehouse cannot store: NUL, or half of a surrogate pair."
SYSTEM = "and system stages cannot be deleted."
MODE = "cannot be written: the account's customers mode is"
NO_9 = "the account has no segment with the id 9"


def refused(live: Snapshot, text: str, **known: Any) -> list[str]:
    with pytest.raises(PlanError) as caught:
        make_plan(live, parse_desired(f"version: 1\n{text}"), **known)
    return list(caught.value.problems)


def in_segments(*segments: Any, **more: Any) -> Snapshot:
    return snapshot(START, segments=segments, **more)


def in_stages(*stages: Any) -> Snapshot:
    return snapshot(START, "periodicity", stages=stages)


def test_the_palettes_are_those_of_the_page() -> None:
    assert sorted(validation.STAGE_COLORS) == list(STAGE_COLORS)
    assert sorted(validation.SEGMENT_COLORS) == list(SEGMENT_COLORS)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("stages: [{name: A}]", ["line 2: stage 'A': a new stage needs a sort."]),
        (
            "stages: [{name: A, sort: 1, color: ccff66}]",
            [f"line 2: stage 'A': amoCRM does not offer the colour '#ccff66' {NO_STAGE_COLOR}"],
        ),
        ("stages: [{id: 1, delete: true}]", [f"line 2: stage id 1: it is a system stage, {SYSTEM}"]),
        (
            "stages: [{name: Unclear, delete: true}]",
            [f"line 2: stage 'Unclear': amoCRM does not say whether it is a system stage, {SYSTEM}"],
        ),
        ("segments: [{name: A}]", [f"segments {MODE} recurring purchases, which has stages."]),
        ("stages: []\ncomplete: stages\nsegments: []", []),
    ],
)
def test_rules_of_stages(text: str, problems: list[str]) -> None:
    live = in_stages(stage(1, is_default=True), stage(2, name="Unclear", is_default=None))
    if problems:
        assert refused(live, text) == problems
    else:
        assert make_plan(live, parse_desired(f"version: 1\n{text}")).is_empty


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("segments: [{color: ae003f}]", ["line 2: a segment without a name and without an id: give it one of them."]),
        ("segments: [{id: 9}]", [f"line 2: segment id 9: {NO_9}; correct the id."]),
        (
            "segments: [{id: 9, name: A}]",
            [f"line 2: segment 'A': {NO_9}; remove the id to have it added, with a new id."],
        ),
        ("segments: [{name: Twin}]", ["line 2: segment 'Twin': the account has 2 of this name; add id: 52 or id: 53."]),
        (
            "segments:\n- name: A\n- name: A",
            [f"line {line}: segment 'A' is written 2 times: keep one, or add ids." for line in (3, 4)],
        ),
        ("segments: [{id: 51}, {id: 51}]", ["line 2: segment id 51 is written 2 times: keep one."] * 2),
        (
            'segments: [{name: "a\\0b", fields: {1: "\\ud800", 3: "\\0"}}]',
            [
                f"line 2: segment 'a\\x00b': {UNKEPT}",
                f"line 2: segment 'a\\x00b': field '1': {UNKEPT}",
                f"line 2: segment 'a\\x00b': field '3': {UNKEPT}",
            ],
        ),
        (
            "segments: [{name: A, fields: {Nte: x}}]",
            ["line 2: segment 'A': there is no field 'Nte': did you mean 'Note'?"],
        ),
        (
            "segments: [{name: Twin, fields: {X: x}}, {id: 9, fields: {X: x}}]",
            [
                "line 2: segment 'Twin': the account has 2 of this name; add id: 52 or id: 53.",
                f"line 2: segment id 9: {NO_9}; correct the id.",
                "line 2: segment 'Twin': there is no field 'X'.",
                "line 2: segment id 9: there is no field 'X'.",
            ],
        ),
        (
            "segments: [{name: A, fields: {Note: x}}]",
            ["line 2: segment 'A': 2 fields are called 'Note': write the id, 1 or 3, instead."],
        ),
        (
            "segments: [{name: A, fields: {2: [B]}}]",
            ["line 2: segment 'A': field '2': there is no option 'B'."],
        ),
        (
            "segments: [{name: A, fields: {1: [x]}}]",
            ["line 2: segment 'A': field '1': a list, and a field of type text holds one value."],
        ),
        (
            "segments: [{name: A, fields: {2: A, Tags: A}}]",
            ["line 2: segment 'A': field 'Tags' is '2', which is written too."],
        ),
        ("stages: [{name: A, sort: 1}]", [f"stages {MODE} dynamic segmentation, which has segments."]),
        ("complete: stages\nstages: []", [f"stages {MODE} dynamic segmentation, which has segments."]),
    ],
)
def test_rules_of_segments(text: str, problems: list[str]) -> None:
    live = in_segments(segment(51), segment(52, name="Twin"), segment(53, name="Twin"), fields=FIELDS)
    assert refused(live, text) == problems


def test_what_breaks_a_rule_already_may_stay_as_it_is() -> None:
    live = in_segments(*(segment(number, color="ffffff") for number in range(1, 102)))
    made = make_plan(
        live, parse_desired("version: 1\nsegments: [{id: 1, color: ffffff, name: A}, {id: 2, delete: true}]")
    )
    assert [call.body for call in made.calls] == [{"name": "A"}, None]


@pytest.mark.parametrize(
    ("live", "text", "mistake"),
    [
        (
            in_segments(*(segment(number) for number in range(1, 101))),
            "segments: [{name: A}, {name: B}, {id: 1, delete: true}]",
            "101 segments, but amoCRM allows 100: 100 exist, 2 to add, 1 to delete.",
        ),
        (
            in_stages(*(stage(number, is_default=number < 6) for number in range(1, 31))),
            "stages: [{name: A, sort: 1}]",
            "31 stages, but amoCRM allows 30: 30 exist, 1 to add, 0 to delete.",
        ),
    ],
)
def test_limits_hold_at_the_end(live: Snapshot, text: str, mistake: str) -> None:
    assert refused(live, text) == [mistake]


def test_a_segment_has_at_most_30_fields_filled() -> None:
    fields = tuple(field(number) for number in range(1, 33))
    full = segment(51, name="Full", field_values=tuple(text_value(number, "x") for number in range(1, 31)))
    live = in_segments(full, fields=fields)
    assert refused(live, "segments: [{name: Full, fields: {Field 31: x}}]") == [
        "line 2: segment 'Full': 31 of its fields would be filled; amoCRM allows 30."
    ]
    exchanged = parse_desired("version: 1\nsegments: [{name: Full, fields: {Field 31: x, Field 5: null, Field 6: y}}]")
    assert len(make_plan(live, exchanged).calls) == 1


def test_a_file_for_another_account_reports_only_that() -> None:
    text = "account: acme\nsegments: [{name: ' A', color: x}, {id: 404, delete: true}]"
    assert refused(in_segments(), text, account_key="main", is_admin=False) == [
        "it is for the account 'acme', but this is 'main'."
    ]


def test_mistakes_and_a_user_without_rights_are_refused_together() -> None:
    text = "account: main\nsegments: [{name: ' A', color: x}]"
    assert refused(in_segments(), text, account_key="main", is_admin=False) == [
        "the token's user is no administrator, and only administrators may change stages and segments.",
        f"line 3: segment ' A': amoCRM does not offer the colour 'x' {NO_SEGMENT_COLOR}",
    ]


def test_a_file_for_this_account_is_taken() -> None:
    wanted = parse_desired("version: 1\naccount: main\nsegments: [{name: A}]")
    assert make_plan(in_segments(), wanted, account_key="main").calls
    assert make_plan(in_segments(), wanted).calls
