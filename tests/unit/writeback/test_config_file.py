"""The file of stages and segments: parsing, and all errors with lines."""

from __future__ import annotations

import pytest

from pipelines.base.errors import PlanError, SettingsError
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.config_writer import format_desired
from pipelines.writeback.desired import DesiredConfig, DesiredSegment, DesiredStage, DesiredValue
from pipelines.writeback.yaml_nodes import YamlList, YamlText

WHOLE = """\
version: 1
account: acme
complete: [segments]

segments:
  - name: VIP
    id: 51
    color: "6610F2"
    price_field_ids: [288892, 288891, 288891]
    fields:
      Since: 2026-03-31
      269471: true
      "5": 12.50
      Tags: [New, 381857, "2024"]
      Notes: |
        one
        two
      Gone: null
  - name: Old
    delete: true
"""


def test_a_whole_file() -> None:
    assert parse_desired(WHOLE) == DesiredConfig(
        source="segments.yaml",
        account="acme",
        complete=frozenset({"segment"}),
        segments=(
            DesiredSegment(
                id=51,
                name="VIP",
                color="6610f2",
                price_field_ids=(288891, 288892),
                values=(
                    DesiredValue(field=YamlText(text="Since"), value=YamlText(text="2026-03-31")),
                    DesiredValue(field=YamlText(text="269471"), value=YamlText(text="true")),
                    DesiredValue(field=YamlText(text="5", is_quoted=True), value=YamlText(text="12.50")),
                    DesiredValue(
                        field=YamlText(text="Tags"),
                        value=YamlList(
                            items=(YamlText(text="New"), YamlText(text="381857"), YamlText(text="2024", is_quoted=True))
                        ),
                    ),
                    DesiredValue(field=YamlText(text="Notes"), value=YamlText(text="one\ntwo\n", is_quoted=True)),
                    DesiredValue(field=YamlText(text="Gone"), value=YamlText(text="null")),
                ),
                line=6,
            ),
            DesiredSegment(name="Old", is_deleted=True, line=19),
        ),
    )


def test_stages_have_their_colour_with_or_without_the_sign() -> None:
    desired = parse_desired(
        "version: 1\nstages:\n- {name: A, sort: -5, color: '#FFFEB2'}\n- {name: 5, sort: 1, color: fff000}"
    )
    assert desired.stages == (
        DesiredStage(name="A", sort=-5, color="#fffeb2", line=3),
        DesiredStage(name="5", sort=1, color="#fff000", line=4),
    )
    assert desired.segments is None


def test_what_is_written_reads_as_the_same() -> None:
    text = format_desired(
        parse_desired(WHOLE), heading=["One", "two\nthree"], comments={("segment", 1): ["bye \x1b[31m"]}
    )
    assert text.startswith("# One\n# two\\nthree\nversion: 1\naccount: acme\ncomplete: [segments]\n\nsegments:\n")
    assert "\n  # bye \\x1b[31m\n  - name: Old\n    delete: true\n" in text
    assert "\n      Notes: |\n        one\n        two\n      Gone: null\n" in text
    assert format_desired(parse_desired(text)).splitlines() == [line for line in text.splitlines() if "#" not in line]


@pytest.mark.parametrize("text", ["version: 1", "version: 1\nsegments: []", "\ufeffversion: '1'  # here\n"])
def test_a_file_may_be_empty(text: str) -> None:
    desired = parse_desired(text)
    assert not desired.segments
    assert not desired.stages


VERSION = "the file begins with 'version: 1', the only one there is."
A_LIST = "segments are a list, each beginning with '- name: ...'; none are written []."
LISTS = "'complete' names lists whose unlisted entities are to be deleted: [segments] or [stages]."
NO_COLOR = "a colour is missing; one that is written with '#' needs quotes, since '#' begins a comment."
NO_VALUE = "is given a table or lists in lists: write a value, or a list of values."

MISTAKES = {
    "": ["line 1: the file is written as 'name: value' lines.", f"line 1: {VERSION}"],
    "version: 2": [f"line 1: {VERSION}"],
    "version: 1\nacount: x": ["line 2: 'acount' is not known here: did you mean 'account'?"],
    "version: 1\naccount: [x]": ["line 2: a text is expected here."],
    "version: 1\nsegments:": [f"line 2: {A_LIST}"],
    "version: 1\ncomplete: true\nsegments: []": [f"line 2: {LISTS}"],
    "version: 1\ncomplete: [segments, segments]\nsegments: []": [f"line 2: {LISTS}"],
    "version: 1\ncomplete: stages": [
        "line 2: 'complete' names stages, and the file has no such list: write 'stages: []' to delete all."
    ],
    "version: 1\nsegments:\n- VIP": ["line 3: segment without a name: a segment is written as 'name: value' lines."],
    "version: 1\nsegments:\n- name: ' '\n  id: -5": [
        "line 3: segment ' ': a name cannot be empty.",
        "line 4: segment ' ': an id is a whole number above 0, without quotes.",
    ],
    "version: 1\nstages:\n- name: A\n  sort: 1.5\n  color: #fffeb2\n  fields: {a: b}": [
        "line 4: stage 'A': a whole number is expected here.",
        f"line 5: stage 'A': {NO_COLOR}",
        "line 6: stage 'A': 'fields' is not known here: a stage can have name, id, sort, color, delete.",
    ],
    "version: 1\nsegments:\n- {name: A, colour: 6610f2, delete: yes}": [
        "line 3: segment 'A': 'colour' is not known here: did you mean 'color'?",
        "line 3: segment 'A': write true or false.",
    ],
    "version: 1\nsegments:\n- {id: 5, delete: true, color: 6610f2}": [
        "line 3: segment id 5: a segment to delete needs nothing but its name or id: remove color."
    ],
    "version: 1\nsegments:\n- name: A\n  price_field_ids: 5\n  fields: [a]\n- id: 9\n  price_field_ids: [x]": [
        "line 4: segment 'A': ids are a list, like [288891, 288892]; [] for none.",
        "line 5: segment 'A': fields are lines like 'name of the field: value'; null empties a field.",
        "line 7: segment id 9: an id is a whole number above 0, without quotes.",
    ],
    "version: 1\nsegments:\n- name: A\n  fields:\n    a: {b: c}\n    d: [[e]]": [
        f"line 5: segment 'A': field 'a' {NO_VALUE}",
        f"line 6: segment 'A': field 'd' {NO_VALUE}",
    ],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_desired(text)
    assert list(caught.value.problems) == MISTAKES[text]


def test_an_error_names_the_file_says_that_nothing_was_sent_and_is_one_of_settings() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_desired("version: 1\nx: 1\ny: 2", source="vip.yaml")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("vip.yaml:\n  - line 2: 'x' is not known here")
    assert "\nNothing was sent. " in str(caught.value)


def test_a_mistake_is_never_longer_than_anyone_reads() -> None:
    with pytest.raises(PlanError) as caught:
        parse_desired(f"version: 1\nsegments: [{{name: {'x' * 70_000}, delete: maybe}}]")
    assert len(caught.value.problems[0]) < 1100
