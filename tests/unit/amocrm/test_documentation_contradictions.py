"""Contradictions and gaps of the vendor's page, with its own examples.

That the customers of a deleted stage move only after a while is missing here: customers are never read.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.amocrm.messages import list_request
from pipelines.amocrm.models import Anomaly, Json, Snapshot
from pipelines.amocrm.pagination import merge_pages, paginate, parse_page
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.amocrm.strict_json import NotStrictJson, parse
from pipelines.base.errors import WrongAccount
from tests.unit.amocrm.raw_responses import OBSERVED_AT, raw_responses

Document = Callable[[str], Json]


@pytest.fixture
def stages(document: Document) -> Snapshot:
    """The snapshot that the stages example shows."""
    account = document("account/200.json") | {"customers_mode": "periodicity"}
    return parse_snapshot(raw_responses(account=account, stages=document("stages_list/200.json")), OBSERVED_AT)


@pytest.fixture
def segments(document: Document) -> Snapshot:
    """The snapshot that the segments example shows."""
    bodies = {
        "account": document("account/200.json"),
        "segments": document("segments_list/200.json"),
        "fields": document("fields_list/200.json"),
    }
    return parse_snapshot(raw_responses(**bodies), OBSERVED_AT)


def kinds(snapshot: Snapshot) -> set[str]:
    return {anomaly.kind for anomaly in snapshot.anomalies}


def test_a_total_of_six_with_five_rows_is_an_anomaly(document: Document, stages: Snapshot) -> None:
    page = parse_page(document("stages_list/200.json"), "stages", 1)
    reading = paginate()
    next(reading)
    assert reading.send(page).pass_number == 2, "one look is not enough"
    with pytest.raises(StopIteration) as done:
        reading.send(page)
    assert len(merge_pages(done.value.value).rows) == 5
    assert len(stages.stages) == 5
    assert stages.gone_stage_ids == frozenset()
    mismatch = Anomaly(
        kind="totals_mismatch", thing="list", thing_id=0, detail="the list of stages counts other than it holds"
    )
    assert mismatch in stages.anomalies


def test_stage_types_stay_as_received_and_the_contradiction_is_noted(stages: Snapshot) -> None:
    assert {stage.name: stage.type for stage in stages.stages} == {
        "Recently purchased": 4,
        "Stage 1": 0,
        "Expected purchase": 3,
        "Did not purchase": 2,
        "Closed": 3,
    }
    assert [anomaly.detail for anomaly in stages.anomalies if anomaly.kind == "type_contradicts_page"] == [
        "several system stages have type 3"
    ]


def test_colours_outside_the_palette_are_kept_and_not_odd(stages: Snapshot, segments: Snapshot) -> None:
    assert {stage.color for stage in stages.stages} == {"#ccff66", "#fd5598", "#99ccff", "#d5d8db"}
    assert {segment.color for segment in segments.segments} == {"6610f2", "4a001f"}
    assert kinds(stages) == {"totals_mismatch", "type_contradicts_page"}


def test_price_types_are_ids_of_price_fields(segments: Snapshot) -> None:
    assert {segment.id: segment.price_field_ids for segment in segments.segments} == {51: (288891,), 21: (271211,)}


def test_the_answer_to_an_update_is_not_json(payload: Callable[[str], bytes]) -> None:
    with pytest.raises(NotStrictJson):
        parse(payload("segment_update/200.json"))


def test_a_link_to_another_host_gives_a_page_number_and_no_host(document: Document) -> None:
    example = document("segment_by_id/200.json")
    assert example["_links"]["self"]["href"].startswith("https://shard151.amocrm.com/")
    page = document("segments_list/200.json")
    page["_links"]["next"] = {"href": "https://shard151.amocrm.com/api/v4/customers/segments?page=2&limit=50"}
    reading = paginate()
    next(reading)
    following = reading.send(parse_page(page, "segments", 1))
    assert list_request("segments", following.page).path == "/api/v4/customers/segments?page=2&limit=250"


def test_entities_of_another_account_are_refused(document: Document) -> None:
    account = document("account/200.json") | {"customers_mode": "periodicity"}
    other = {"_embedded": {"statuses": [document("stage_by_id/200.json")]}}
    with pytest.raises(WrongAccount, match="Stage 4051135 belongs to another account than 28805383"):
        parse_snapshot(raw_responses(account=account, stages=other), OBSERVED_AT)


def test_keys_that_other_clients_declare_are_kept_and_reported(document: Document) -> None:
    listed = document("segments_list/200.json")
    listed["_embedded"]["segments"][0] |= {"bonus_points_new": 2, "bonus_points_limit": None}
    bodies = {"account": document("account/200.json"), "segments": listed, "fields": []}
    snapshot = parse_snapshot(raw_responses(**bodies), OBSERVED_AT)
    assert snapshot.segments[1].extra == {"bonus_points_new": 2, "bonus_points_limit": None}
    assert [anomaly for anomaly in snapshot.anomalies if anomaly.kind == "unknown_key"] == [
        Anomaly(kind="unknown_key", thing="segment", thing_id=0, detail="'bonus_points_limit'"),
        Anomaly(kind="unknown_key", thing="segment", thing_id=0, detail="'bonus_points_new'"),
    ]


@pytest.mark.parametrize("code", [None, "WORK"])
def test_an_enum_code_is_nothing_new(document: Document, segments: Snapshot, code: str | None) -> None:
    listed = document("segments_list/200.json")
    listed["_embedded"]["segments"][0]["custom_fields_values"][1]["values"][0]["enum_code"] = code
    bodies = {"account": document("account/200.json"), "segments": listed, "fields": document("fields_list/200.json")}
    assert parse_snapshot(raw_responses(**bodies), OBSERVED_AT) == segments


def test_conditions_keep_their_structure(stages: Snapshot) -> None:
    by_name = {stage.name: stage for stage in stages.stages}
    assert by_name["Stage 1"].rules == ()
    assert by_name["Stage 1"].rule_group_count == 0
    closed = by_name["Closed"]
    assert [(rule.group, rule.position, rule.type, rule.match) for rule in closed.rules] == [(0, 0, "after_today", 60)]
    assert closed.rules[0].body == {"type": "after_today", "match": {"value": 60}, "conditions": [{"value": 60}]}


def test_a_group_of_conditions_may_be_empty_and_a_match_a_list(document: Document) -> None:
    account = document("account/200.json") | {"customers_mode": "periodicity", "id": 321321}
    listed = {"_embedded": {"statuses": [document("stage_by_id/200.json")]}}
    (stage,) = parse_snapshot(raw_responses(account=account, stages=listed), OBSERVED_AT).stages
    assert stage.rule_group_count == 2
    (rule,) = stage.rules
    assert (rule.group, rule.position, rule.type, rule.match) == (0, 0, "tag", [174727])
    assert rule.body["match"] == {"value": [174727], "logic": "or"}
    assert rule.body["tmpl"] == "tag_customers"


def test_segments_come_in_any_order_and_go_by_their_ids(document: Document, segments: Snapshot) -> None:
    listed = document("segments_list/200.json")
    assert [row["id"] for row in listed["_embedded"]["segments"]] == [51, 21]
    assert [segment.id for segment in segments.segments] == [21, 51]
    listed["_embedded"]["segments"].reverse()
    bodies = {"account": document("account/200.json"), "segments": listed, "fields": document("fields_list/200.json")}
    assert parse_snapshot(raw_responses(**bodies), OBSERVED_AT) == segments


def test_the_segments_example_shows_nothing_odd(segments: Snapshot) -> None:
    assert segments.anomalies == ()
