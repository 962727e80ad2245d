"""Parse lists: fields, options, pages and confirmations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm import strict_json
from pipelines.amocrm.anomalies import ANOMALY_KINDS, AnomalyLog
from pipelines.amocrm.models import Anomaly, Json, RawResponse
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.errors import ApiError, IncompleteList, MalformedAnswer
from tests.unit.amocrm.parsed_records import (
    ACCOUNT,
    FIELD,
    SEGMENT,
    STAGE,
    anomaly_kinds,
    list_document,
    parse_field,
    parse_segments_snapshot,
    parse_stages_snapshot,
)
from tests.unit.amocrm.raw_responses import OBSERVED_AT, raw_response, raw_responses

# Fields and options


def test_a_field_with_options_is_read(document: Callable[[str], Json]) -> None:
    rows = document("fields_list/200.json")["_embedded"]["custom_fields"]
    snapshot = parse_segments_snapshot(fields=[row | {"account_id": 1} for row in rows])
    assert snapshot.anomalies == ()
    select = snapshot.fields[1]
    assert (select.id, select.name, select.code, select.type, select.sort) == (
        269473,
        "Select type field",
        None,
        "select",
        501,
    )
    assert [(option.id, option.value, option.sort) for option in select.options] == [
        (381857, "Value 1", 1),
        (381859, "Value 2", 2),
    ]
    assert select.extra["is_deletable"] is True
    assert "enums" not in select.extra


def test_keys_of_fields_that_the_vendor_knows_are_kept_and_not_odd() -> None:
    assert parse_field(remind="day", brand_new=1)[0].extra == {"remind": "day", "brand_new": 1}
    assert parse_field(remind="day", brand_new=1)[1] == (
        Anomaly(kind="unknown_key", thing="field", thing_id=0, detail="'brand_new'"),
    )


def test_a_field_of_an_unknown_type_is_noted_as_its_values_are() -> None:
    row = {"field_id": 7, "field_type": "hologram", "values": [{"value": 1}]}
    snapshot = parse_segments_snapshot(SEGMENT | {"custom_fields_values": [row]}, fields=[FIELD | {"type": "hologram"}])
    assert snapshot.anomalies == (
        Anomaly(kind="unknown_field_type", thing="field", thing_id=7, detail="the field has a type 'hologram'"),
    )


def test_an_option_that_is_there_twice_is_kept_once() -> None:
    option = {"id": 3, "value": "A", "sort": 1}
    only, anomalies = parse_field(enums=[option, option])
    assert [one.id for one in only.options] == [3]
    assert anomaly_kinds(anomalies) == ["duplicate_row"]
    with pytest.raises(MalformedAnswer, match="option 3 twice"):
        parse_field(enums=[option, option | {"value": "B"}])


@pytest.mark.parametrize("enums", [{"a": "A"}, {"3": "A"}, "x", [None], ["A"]])
def test_options_of_another_shape_stop_the_load(enums: Json) -> None:
    with pytest.raises(MalformedAnswer):
        parse_field(enums=enums)


# Lists


def test_every_list_of_the_mode_must_be_there() -> None:
    with pytest.raises(IncompleteList, match="list of segments is missing"):
        parse_snapshot(raw_responses(account=ACCOUNT, fields=[]), OBSERVED_AT)
    with pytest.raises(IncompleteList, match="list of fields is missing"):
        parse_snapshot(raw_responses(account=ACCOUNT, segments=[]), OBSERVED_AT)
    with pytest.raises(MalformedAnswer, match="no response about the account"):
        parse_snapshot([], OBSERVED_AT)


def test_only_accepted_answers_count() -> None:
    responses = raw_responses(account=ACCOUNT, segments=list_document("segments", SEGMENT), fields=[])
    ignored = raw_response(9, "segments", b"<html>", is_accepted=False)
    assert parse_snapshot([*responses, ignored], OBSERVED_AT) == parse_snapshot(responses, OBSERVED_AT)


def paged(*pages: tuple[int, Json], status: int = 200) -> list[RawResponse]:
    responses = raw_responses(account=ACCOUNT, fields=[])
    return responses + [
        raw_response(10 + number, "segments", body, page=number, status=status) for number, body in pages
    ]


def test_pages_are_put_together() -> None:
    pages = paged((1, list_document("segments", SEGMENT)), (2, list_document("segments", SEGMENT | {"id": 21})))
    assert [one.id for one in parse_snapshot(pages, OBSERVED_AT).segments] == [21, 51]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 1), (2, 1)])
def test_a_missing_page_is_noticed(numbers: tuple[int, ...]) -> None:
    with pytest.raises(IncompleteList, match="lacks pages"):
        parse_snapshot(paged(*((number, []) for number in numbers)), OBSERVED_AT)


def test_an_answer_without_a_body_is_an_empty_page() -> None:
    assert parse_snapshot(paged((1, b""), status=204), OBSERVED_AT).segments == ()


def test_a_row_that_is_there_twice_is_kept_once_and_noted() -> None:
    snapshot = parse_segments_snapshot(SEGMENT, SEGMENT)
    assert [one.id for one in snapshot.segments] == [51]
    assert snapshot.anomalies == (
        Anomaly(kind="duplicate_row", thing="segment", thing_id=51, detail="the list shows it more than once"),
    )
    with pytest.raises(IncompleteList, match="different content"):
        parse_segments_snapshot(SEGMENT, SEGMENT | {"name": "Other"})


@pytest.mark.parametrize(("count", "is_over"), [(100, False), (101, True)])
def test_more_segments_than_the_page_allows_are_read_and_noted(count: int, is_over: bool) -> None:
    snapshot = parse_segments_snapshot(*(SEGMENT | {"id": number} for number in range(1, count + 1)))
    assert len(snapshot.segments) == count
    assert anomaly_kinds(snapshot.anomalies) == (["over_documented_limit"] if is_over else [])


@pytest.mark.parametrize(("count", "is_over"), [(30, False), (31, True)])
def test_more_stages_or_fields_than_the_page_allows_are_read_and_noted(count: int, is_over: bool) -> None:
    expected = ["over_documented_limit"] if is_over else []
    assert (
        anomaly_kinds(parse_stages_snapshot(*(STAGE | {"id": number} for number in range(1, count + 1))).anomalies)
        == expected
    )
    assert (
        anomaly_kinds(
            parse_segments_snapshot(fields=[FIELD | {"id": number} for number in range(1, count + 1)]).anomalies
        )
        == expected
    )


def test_an_answer_that_denies_being_json_is_read_and_noted() -> None:
    responses = raw_responses(account=ACCOUNT, segments=[], fields=[])
    responses[1] = replace(responses[1], content_type="text/html")
    assert anomaly_kinds(parse_snapshot(responses, OBSERVED_AT).anomalies) == ["content_type"]


# Proofs


def test_confirmed_deletions_are_listed() -> None:
    responses = [
        *raw_responses(account=ACCOUNT, segments=[], fields=list_document("custom_fields", FIELD)),
        raw_response(10, "segment", b"{}", thing_id=51, status=404),
        raw_response(11, "segment", b"", thing_id=52, status=204),
        raw_response(12, "segment", SEGMENT, thing_id=53),
        raw_response(13, "field", b"{}", thing_id=8, status=404),
        raw_response(14, "field", FIELD, thing_id=7),
        raw_response(15, "stage", b"{}", thing_id=9, status=404),
        raw_response(16, "segment", b"{}", thing_id=54, status=404, is_accepted=False),
    ]
    snapshot = parse_snapshot(responses, OBSERVED_AT)
    assert snapshot.gone_segment_ids == {51, 52}
    assert snapshot.gone_field_ids == {8}
    assert snapshot.gone_stage_ids == {9}
    assert snapshot.confirmed_field_ids == {7}


# All of it


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"a": 1,}', b"\xff", b"\xef\xbb\xbf[]"])
def test_a_kept_body_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="cannot be used"):
        parse_snapshot(raw_responses(account=ACCOUNT, segments=body, fields=[]), OBSERVED_AT)


def test_parsed_bodies_make_the_same_snapshot() -> None:
    responses = raw_responses(
        account=ACCOUNT, segments=list_document("segments", SEGMENT), fields=list_document("custom_fields", FIELD)
    )
    documents = {response.sequence: strict_json.parse(response.body) for response in responses}
    assert parse_snapshot(responses, OBSERVED_AT, documents=documents) == parse_snapshot(responses, OBSERVED_AT)


def test_the_kinds_of_anomalies_are_a_closed_set() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        AnomalyLog().add("surprise", "segment", 1, "")
    assert list(ANOMALY_KINDS) == sorted(ANOMALY_KINDS)


_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.floats(allow_nan=False, allow_infinity=False)
)
_ANYTHING = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(
    st.dictionaries(st.sampled_from([*SEGMENT, "new"]), _ANYTHING, max_size=4),
    st.dictionaries(st.sampled_from([*FIELD, "new"]), _ANYTHING, max_size=3),
    st.dictionaries(st.sampled_from([*STAGE, "new"]), _ANYTHING, max_size=3),
)
def test_no_value_breaks_reading_and_reading_is_repeatable(one: Json, other: Json, third: Json) -> None:
    for attempt in (
        partial(parse_segments_snapshot, SEGMENT | one, fields=[FIELD | other]),
        partial(parse_stages_snapshot, STAGE | third),
    ):
        try:
            snapshot = attempt()
        except ApiError:
            continue
        assert attempt() == snapshot
