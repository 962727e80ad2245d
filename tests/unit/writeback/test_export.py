"""Export: readable, with comments for what the API cannot restore."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pipelines.amocrm.models import FieldValue, Rule, Snapshot
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.export import export_config
from pipelines.writeback.plan import make_plan
from tests.records import START, account, field, option, segment, snapshot, stage, text_value

HEAD = """\
# What is not mentioned here stays unchanged. Deletions need 'delete: true' or 'complete'.
# The API cannot restore conditions, nor the customers and the id of a deleted stage or segment.
version: 1
"""


def value(field_id: int, **attributes: object) -> FieldValue:
    return FieldValue(field_id=field_id, field_type=None, position=0, **attributes)  # type: ignore[arg-type]


def segments_snapshot() -> Snapshot:
    fields = (
        field(1, name="Notes", type="textarea"),
        field(2, option(21, value="A"), option(22, value="2"), name="Tags", type="multiselect"),
        field(3, name="Since", type="date"),
        field(4, name="Twin", type="numeric"),
        field(5, name="Twin", type="checkbox"),
        field(6, name="Payer", type="payer"),
    )
    full = segment(
        51,
        120,
        name="VIP: best",
        price_field_ids=(288891,),
        field_values=(
            value(1, text="one\ntwo"),
            value(2, option_id=21),
            value(2, option_id=22),
            value(3, date=date(2026, 3, 31)),
            value(4, number=Decimal("12.50")),
            value(5, boolean=True),
            value(6, json={"value": {}}),
        ),
    )
    return snapshot(START, segments=(full, segment(52, None, name="Twin"), segment(53, 0, name="Twin")), fields=fields)


def test_segments() -> None:
    assert export_config(segments_snapshot(), account_key="main") == (
        "# Customer segments of Corner Coffee (account 28805383) as of 2026-03-01T12:00:00+03:00.\n"
        + HEAD
        + """\
account: main

segments:
  # 120 customers.
  # Left out: the value of the field 'Payer' (id 6) cannot be written here.
  - name: "VIP: best"
    id: 51
    color: "6610f2"
    price_field_ids: [288891]
    fields:
      Notes: |-
        one
        two
      Tags: [A, "2"]
      Since: 2026-03-31
      4: 12.50
      5: true
  - name: Twin
    id: 52
    color: "6610f2"
    price_field_ids: []
  # 0 customers.
  - name: Twin
    id: 53
    color: "6610f2"
    price_field_ids: []
"""
    )


def test_without_ids_only_those_stay_that_a_name_does_not_replace() -> None:
    lines = export_config(segments_snapshot(), with_ids=False).splitlines()
    assert [line for line in lines if line.startswith("    id:")] == ["    id: 52", "    id: 53"]


def test_stages() -> None:
    rule = Rule(group=0, position=0, type="tag", match=None, body={})
    stages = (
        stage(1, name="Closed", is_default=True, color="#d5d8db"),
        stage(2, [rule], name=None, sort=None, color=None),
    )
    assert export_config(snapshot(START, "periodicity", stages=stages)) == (
        "# Customer stages of Corner Coffee (account 28805383) as of 2026-03-01T12:00:00+03:00.\n"
        + HEAD
        + """\

stages:
  # A system stage: it can be changed, not deleted, and amoCRM adds it itself.
  - name: Closed
    id: 1
    sort: 1
    color: "#d5d8db"
  # It has 1 rule(s), which only amoCRM's interface can set.
  - id: 2
"""
    )


@pytest.mark.parametrize("mode", ["disabled", "unavailable"])
def test_an_account_without_either_has_nothing(mode: str) -> None:
    text = export_config(snapshot(START, account=account(mode)))  # type: ignore[arg-type]
    assert text == f"# Nothing of Corner Coffee (account 28805383) as of 2026-03-01T12:00:00+03:00.\n{HEAD}"


@pytest.mark.parametrize("mode", ["segments", "periodicity"])
def test_an_empty_account_can_be_planned(mode: str) -> None:
    live = snapshot(START, mode)  # type: ignore[arg-type]
    assert make_plan(live, parse_desired(export_config(live))).is_empty


def test_names_cannot_leave_their_place() -> None:
    evil = "x\n  - name: injected\x1b[2J"
    live = snapshot(
        START,
        account=account(name=evil),
        segments=(segment(1, name=evil, field_values=(text_value(1, evil), text_value(2, "a"))),),
        fields=(field(1, name=evil), field(2, name=evil, type="payer")),
    )
    text = export_config(live)
    assert "\x1b" not in text
    assert "\n  - name: injected" not in text
    desired = parse_desired(text)
    assert [one.name for one in desired.segments or ()] == [evil]
    assert make_plan(live, desired).is_empty


def test_a_stage_set_moves_to_another_account() -> None:
    ours = snapshot(
        START, "periodicity", stages=(stage(1, name="Closed", is_default=True, sort=9), stage(2, name="New"))
    )
    theirs = snapshot(START, account=account("periodicity", id=5), stages=(stage(71, name="Closed", is_default=True),))
    made = make_plan(theirs, parse_desired(export_config(ours, with_ids=False)))
    assert [(call.method, call.thing_id) for call in made.calls] == [("PATCH", 71), ("POST", None)]
    assert made.calls[1].body == [{"name": "New", "sort": 2, "color": "#fffeb2", "request_id": "1"}]
