"""Parse responses: unusual values are kept, unusable ids stop the load."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from pipelines.amocrm.models import Anomaly, Json, Segment
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.amocrm.validation import MAX_ID
from pipelines.base.errors import MalformedAnswer, ModeDisagreement, WrongAccount
from tests.unit.amocrm.parsed_records import (
    ACCOUNT,
    FIELD,
    SEGMENT,
    STAGE,
    anomaly_kinds,
    list_document,
    parse_segment,
    parse_segments_snapshot,
    parse_stage,
    parse_stages_snapshot,
)
from tests.unit.amocrm.raw_responses import OBSERVED_AT, raw_response, raw_responses

# The account


def test_an_account_is_read() -> None:
    account = parse_segments_snapshot().account
    assert (account.id, account.name, account.subdomain, account.timezone) == (1, "Example", "example", "Europe/Moscow")
    assert (account.mode, account.country, account.currency) == ("segments", "RU", "RUB")


def test_the_old_name_of_a_mode_is_understood() -> None:
    assert parse_segments_snapshot(customers_mode="dynamic").account.mode == "segments"


@pytest.mark.parametrize("mode", ["disabled", "unavailable"])
def test_a_mode_without_lists_has_an_empty_snapshot(mode: str) -> None:
    snapshot = parse_snapshot(raw_responses(account=ACCOUNT | {"customers_mode": mode}), OBSERVED_AT)
    assert (snapshot.account.mode, snapshot.segments, snapshot.stages, snapshot.fields) == (mode, (), (), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 0},
        {"id": "x"},
        {"id": 1.5},
        {"customers_mode": None},
        {"customers_mode": "quantum"},
        {"customers_mode": ["segments"]},
        {"_embedded": None},
        {"_embedded": []},
        {"_embedded": {"datetime_settings": None}},
        {"_embedded": {"datetime_settings": {"timezone": None}}},
        {"_embedded": {"datetime_settings": {"timezone": ""}}},
        {"_embedded": {"datetime_settings": {"timezone": "Mars/Olympus"}}},
        {"_embedded": {"datetime_settings": {"timezone": "../../etc/passwd"}}},
        {"_embedded": {"datetime_settings": {"timezone": "/etc/localtime"}}},
        {"_embedded": {"datetime_settings": {"timezone": "Europe"}}},
        {"_embedded": {"datetime_settings": {"timezone": "Europe/\0"}}},
        {"_embedded": {"datetime_settings": {"timezone": "Еurope/Moscow"}}},
    ],
)
def test_an_account_without_id_mode_or_timezone_is_refused(changes: dict[str, Json]) -> None:
    with pytest.raises(MalformedAnswer):
        parse_segments_snapshot(**changes)


@pytest.mark.parametrize("document", [[], None, "account", {}, {"status": 500, "title": "Error"}])
def test_what_is_no_account_is_refused(document: Json) -> None:
    with pytest.raises(MalformedAnswer):
        parse_snapshot(raw_responses(account=document), OBSERVED_AT)


def test_an_account_without_a_name_is_still_an_account() -> None:
    snapshot = parse_segments_snapshot(name=None, subdomain=None, country=5)
    assert (snapshot.account.name, snapshot.account.subdomain, snapshot.account.country) == ("", None, None)
    assert anomaly_kinds(snapshot.anomalies) == ["missing_value", "untyped_value"]


def test_the_account_must_be_equal_in_both_responses() -> None:
    responses = raw_responses(account=ACCOUNT, segments=[], fields=[])
    assert parse_snapshot([*responses, raw_response(9, "account", ACCOUNT)], OBSERVED_AT).segments == ()
    with pytest.raises(WrongAccount):
        parse_snapshot([*responses, raw_response(9, "account", ACCOUNT | {"id": 2})], OBSERVED_AT)
    with pytest.raises(ModeDisagreement):
        parse_snapshot([*responses, raw_response(9, "account", ACCOUNT | {"customers_mode": "disabled"})], OBSERVED_AT)


# Identities


@pytest.mark.parametrize(
    "bad",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        2**63,
        2**64,
        10**30,
        1.5,
        51.0,
        "",
        "0",
        "-5",
        "5.0",
        "x",
        "٥",
        "9" * 5_000,
        [],
        {},
    ],
)
def test_an_entity_without_a_usable_id_stops_the_load(bad: Json) -> None:
    for attempt in (
        partial(parse_segments_snapshot, SEGMENT, SEGMENT | {"id": bad}),
        partial(parse_segments_snapshot, fields=[FIELD | {"id": bad}]),
        partial(parse_segments_snapshot, fields=[FIELD | {"enums": [{"id": bad, "value": "A", "sort": 1}]}]),
        partial(parse_stages_snapshot, STAGE | {"id": bad}),
    ):
        with pytest.raises(MalformedAnswer, match="no usable id"):
            attempt()


def test_an_id_of_five_thousand_digits_stops_the_load() -> None:
    body = json.dumps(list_document("segments", SEGMENT)).replace('"id": 51', f'"id": {"5" * 5_000}').encode()
    with pytest.raises(MalformedAnswer, match="no usable id"):
        parse_snapshot(raw_responses(account=ACCOUNT, segments=body, fields=[]), OBSERVED_AT)


@pytest.mark.parametrize("row", [None, 7, "row", [], [SEGMENT]])
def test_a_row_that_is_no_object_stops_the_load(row: Json) -> None:
    with pytest.raises(MalformedAnswer, match="not an object"):
        parse_segments_snapshot(row)


@pytest.mark.parametrize("good", [1, 2**31 - 1, 2**31, 2**53, 2**53 + 1, MAX_ID])
def test_ids_stay_exact(good: int) -> None:
    assert parse_segment(id=good)[0].id == good
    only, anomalies = parse_segment(id=str(good))
    assert only.id == good
    assert anomalies == (Anomaly(kind="id_as_text", thing="segment", thing_id=good, detail="the id came as text"),)


@pytest.mark.parametrize("account_id", [2, "2", 0, "x", True])
def test_an_entity_of_another_account_stops_the_load(account_id: Json) -> None:
    for attempt in (
        partial(parse_segments_snapshot, SEGMENT | {"account_id": account_id}),
        partial(parse_segments_snapshot, fields=[FIELD | {"account_id": account_id}]),
        partial(parse_stages_snapshot, STAGE | {"account_id": account_id}),
    ):
        with pytest.raises(WrongAccount):
            attempt()


@pytest.mark.parametrize("account_id", [1, "1", None])
def test_an_entity_of_this_account_is_accepted(account_id: Json) -> None:
    assert parse_segment(account_id=account_id)[0].id == 51


# Values


def test_a_plain_segment_shows_nothing_odd() -> None:
    only, anomalies = parse_segment()
    assert anomalies == ()
    assert only == Segment(
        id=51,
        name="VIP",
        color="6610f2",
        created_at=datetime(2020, 5, 16, 7, 48, 48, tzinfo=UTC),
        updated_at=datetime(2020, 6, 2, 9, 10, 10, tzinfo=UTC),
        customers_count=5,
        price_field_ids=(),
        field_values=(),
        extra=None,
        content_hash=only.content_hash,
    )


@pytest.mark.parametrize(
    ("count", "kind"),
    [
        (None, "missing_value"),
        (-1, "untyped_value"),
        (2**63, "untyped_value"),
        ("5", "untyped_value"),
        (5.0, "untyped_value"),
        (True, "untyped_value"),
        ([], "untyped_value"),
    ],
)
def test_a_count_that_is_none_is_unknown_and_no_part_of_a_version(count: Json, kind: str) -> None:
    only, anomalies = parse_segment(customers_count=count)
    assert (only.customers_count, only.extra) == (None, None)
    assert anomalies == (Anomaly(kind=kind, thing="segment", thing_id=51, detail="'customers_count'"),)
    assert only.content_hash == parse_segment()[0].content_hash


@pytest.mark.parametrize("key", ["bonus_points_conversion_rate", "bonus_points_max_discount"])
def test_bonus_points_are_exact_numbers_and_may_be_missing(key: str) -> None:
    for received, number in [(5, Decimal(5)), (2.25, Decimal("2.25")), (None, None)]:
        only, anomalies = parse_segment(**{key: received})
        assert (getattr(only, key), only.extra, anomalies) == (number, None, ())
    for untyped in ("5", True, [5]):
        only, anomalies = parse_segment(**{key: untyped})
        assert (getattr(only, key), [anomaly.kind for anomaly in anomalies][:1]) == (None, ["untyped_value"])
        assert only.extra
        assert key in only.extra


@pytest.mark.parametrize("count", [0, 2**31, 2**53 + 1, 2**63 - 1])
def test_counts_stay_exact(count: int) -> None:
    assert parse_segment(customers_count=count) == (replace(parse_segment()[0], customers_count=count), ())


@pytest.mark.parametrize("moment", [10**30, 1589615328000, -(10**12), "1589615328", True, 1.5, [], {"at": 1}])
def test_a_timestamp_that_is_none_is_kept_as_it_came(moment: Json) -> None:
    only, anomalies = parse_segment(created_at=moment)
    assert only.created_at is None
    assert json.dumps(only.extra, default=str) == json.dumps({"created_at": moment if moment != 1.5 else "1.5"})
    assert anomalies == (Anomaly(kind="untyped_value", thing="segment", thing_id=51, detail="'created_at'"),)
    only, anomalies = parse_segment(updated_at=moment)
    assert (only.updated_at, only.extra) == (None, None)
    assert only.content_hash == parse_segment()[0].content_hash


@pytest.mark.parametrize("key", ["name", "color", "created_at", "updated_at", "customers_count"])
def test_a_missing_value_of_a_segment_is_noted(key: str) -> None:
    missing = Anomaly(kind="missing_value", thing="segment", thing_id=51, detail=f"'{key}'")
    assert parse_segment(**{key: None})[1] == (missing,)
    without = {name: value for name, value in SEGMENT.items() if name != key}
    assert parse_segments_snapshot(without).anomalies == (missing,)


@pytest.mark.parametrize("key", ["name", "sort", "is_default", "color", "type"])
@pytest.mark.parametrize("value", [1.5, [], {"a": 1}, 2**64])
def test_a_value_of_a_stage_that_is_not_of_its_type_is_kept_as_it_came(key: str, value: Json) -> None:
    only, anomalies = parse_stage(**{key: value})
    assert getattr(only, key) is None
    assert only.extra is not None
    assert list(only.extra) == [key]
    assert anomalies == (Anomaly(kind="untyped_value", thing="stage", thing_id=9, detail=f"'{key}'"),)
    assert only.content_hash != parse_stage()[0].content_hash


def test_a_type_beyond_the_page_is_kept_and_noted() -> None:
    only, anomalies = parse_stage(type=5)
    assert only.type == 5
    assert anomalies == (Anomaly(kind="unknown_type", thing="stage", thing_id=9, detail="the type is 5"),)


@pytest.mark.parametrize("prices", [["x"], [None, 1], [0], [1.5], [{"id": 1}], [2**63]])
def test_price_fields_without_an_id_are_kept_as_they_came(prices: Json) -> None:
    only, anomalies = parse_segment(available_products_price_types=prices)
    assert only.price_field_ids == ((1,) if 1 in prices and 1.5 not in prices else ())
    assert only.extra is not None
    assert anomaly_kinds(anomalies) == ["untyped_value"]


def test_price_fields_are_ordered_and_each_is_there_once() -> None:
    assert parse_segment(available_products_price_types=[3, 1, 2, "1"])[0].price_field_ids == (1, 2, 3)


@pytest.mark.parametrize("key", ["custom_fields_values", "available_products_price_types"])
@pytest.mark.parametrize("value", [{"a": 1}, {"0": 1, "a": 2}, "x", 5, True])
def test_a_list_that_is_none_stops_the_load(key: str, value: Json) -> None:
    with pytest.raises(MalformedAnswer, match=f"'{key}' is not a list"):
        parse_segments_snapshot(SEGMENT | {key: value})


@pytest.mark.parametrize("conditions", [{"a": 1}, "x", [1], [{"type": "tag"}], [None, "x"]])
def test_conditions_of_another_shape_stop_the_load(conditions: Json) -> None:
    with pytest.raises(MalformedAnswer, match="'conditions' is not a list"):
        parse_stages_snapshot(STAGE | {"conditions": conditions})


@pytest.mark.parametrize(
    ("rule", "kind", "match"),
    [
        ({"type": "tag", "match": {"value": [1]}}, "tag", [1]),
        ({"type": "tag", "match": 5}, "tag", 5),
        ({"type": "tag"}, "tag", None),
        ({"type": 7, "match": {"value": None}}, None, None),
        ("a rule", None, None),
        (None, None, None),
    ],
)
def test_a_rule_is_kept_whatever_it_is(rule: Json, kind: str | None, match: Json) -> None:
    only, anomalies = parse_stage(conditions=[[], [rule]])
    (kept,) = only.rules
    assert (kept.group, kept.position, kept.type, kept.match, kept.body) == (1, 0, kind, match, rule)
    assert only.rule_group_count == 2
    assert anomaly_kinds(anomalies) == ([] if kind else ["untyped_value"])


def test_no_conditions_may_be_null() -> None:
    only, anomalies = parse_stage(conditions=None)
    assert (only.rule_group_count, only.rules, anomalies) == (0, (), ())


def test_text_that_postgres_refuses_is_replaced_everywhere_and_hashed_as_it_was() -> None:
    only, anomalies = parse_segment(name="V\0IP", new="\ud800", **{"k\0": {"in": ["\udc00"]}})
    assert only.name == "V\ufffdIP"
    assert only.extra == {"new": "\ufffd", "k\ufffd": {"in": ["\ufffd"]}}
    assert {anomaly.kind for anomaly in anomalies} == {"unstorable_text", "unknown_key"}
    assert (
        only.content_hash
        != parse_segment(name="V\ufffdIP", new="\ufffd", **{"k\ufffd": {"in": ["\ufffd"]}})[0].content_hash
    )
    assert all(anomaly.detail.encode() for anomaly in anomalies)


@pytest.mark.parametrize("name", ["a'b", "%s", "{}", "$$", "\\.", "</script>", "=cmd()", "🙂\u202e", "x" * 65_536, ""])
def test_names_are_data(name: str) -> None:
    assert (parse_segment(name=name)[0].name, parse_segment(name=name)[1]) == (name, ())
