"""Field values of each type, and values of a wrong type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm.anomalies import AnomalyLog
from pipelines.amocrm.field_values import JSON_TYPES, FieldContext, parse_field_values, unknown_entry_keys
from pipelines.amocrm.models import Anomaly, FieldValue, Json
from pipelines.amocrm.validation import InvalidRecord

MIDNIGHT = 1589576400  # of 16 May 2020 in Moscow


def read(*entries: Json) -> tuple[list[FieldValue], list[Anomaly]]:
    """The values of a segment's entries, and what was odd about them."""
    anomaly_log = AnomalyLog()
    around = FieldContext(segment_id=51, timezone=ZoneInfo("Europe/Moscow"), anomaly_log=anomaly_log)
    values = list(parse_field_values(entries, around))
    unknown_entry_keys(entries, around)
    return values, list(anomaly_log.all())


def read_one(field_type: Json, item: Json) -> tuple[FieldValue, list[Anomaly]]:
    (value,), anomalies = read({"field_id": 7, "field_type": field_type, "values": [item]})
    return value, anomalies


def kinds(anomalies: list[Anomaly]) -> list[str]:
    return [anomaly.kind for anomaly in anomalies]


@pytest.mark.parametrize(
    ("field_type", "item", "attributes"),
    [
        ("text", {"value": "12424"}, {"text": "12424"}),
        ("textarea", {"value": "two\nlines"}, {"text": "two\nlines"}),
        ("url", {"value": "https://example.com"}, {"text": "https://example.com"}),
        ("streetaddress", {"value": "Main street 1"}, {"text": "Main street 1"}),
        ("text", {"value": ""}, {"text": ""}),
        ("text", {"value": "x" * 65_536}, {"text": "x" * 65_536}),
        ("text", {"value": "\u202e😀"}, {"text": "\u202e😀"}),
        ("text", {"value": "a", "enum_id": None, "enum_code": None}, {"text": "a"}),
        ("numeric", {"value": 12}, {"number": Decimal(12)}),
        ("numeric", {"value": "12.5"}, {"number": Decimal("12.5")}),
        ("numeric", {"value": Decimal("0.10")}, {"number": Decimal("0.10")}),
        ("numeric", {"value": "-9007199254740993"}, {"number": Decimal(-9007199254740993)}),
        ("numeric", {"value": Decimal("1e400")}, {"number": Decimal("1e400")}),
        ("monetary", {"value": "0"}, {"number": Decimal(0)}),
        ("price", {"value": 100}, {"number": Decimal(100)}),
        ("checkbox", {"value": True}, {"boolean": True}),
        ("checkbox", {"value": False}, {"boolean": False}),
        ("select", {"value": "Value 1", "enum_id": 381857}, {"option_id": 381857}),
        ("radiobutton", {"value": "A", "enum_id": 1, "enum_code": None}, {"option_id": 1}),
        ("category", {"value": "A", "enum_id": 1, "enum_code": "A"}, {"option_id": 1}),
        ("select", {"enum_id": "381857"}, {"option_id": 381857}),
        ("date", {"value": MIDNIGHT}, {"date": date(2020, 5, 16)}),
        ("birthday", {"value": MIDNIGHT}, {"date": date(2020, 5, 16)}),
        ("date_time", {"value": 0}, {"instant": datetime(1970, 1, 1, tzinfo=UTC)}),
        ("date_time", {"value": "2020-05-16T00:00:00+03:00"}, {"instant": datetime(2020, 5, 15, 21, tzinfo=UTC)}),
        (
            "legal_entity",
            {"value": {"name": "LLC", "vat_id": "77"}},
            {"json": {"value": {"name": "LLC", "vat_id": "77"}}},
        ),
        (
            "chained_list",
            {"catalog_id": 1, "catalog_element_id": 2},
            {"json": {"catalog_id": 1, "catalog_element_id": 2}},
        ),
        (
            "multitext",
            {"value": "+7", "enum_id": 3, "enum_code": "WORK"},
            {"text": "+7", "json": {"value": "+7", "enum_id": 3, "enum_code": "WORK"}},
        ),
        (
            "smart_address",
            {"value": "Moscow", "enum_id": 3, "enum_code": "city"},
            {"text": "Moscow", "json": {"value": "Moscow", "enum_id": 3, "enum_code": "city"}},
        ),
    ],
)
def test_an_item_of_each_type(field_type: str, item: Json, attributes: dict[str, Any]) -> None:
    plain = {
        "text": None,
        "number": None,
        "boolean": None,
        "date": None,
        "instant": None,
        "option_id": None,
        "json": None,
    }
    expected = FieldValue(field_id=7, field_type=field_type, position=0, **(plain | attributes))
    assert read_one(field_type, item) == (expected, [])


@pytest.mark.parametrize("field_type", JSON_TYPES)
def test_every_type_of_objects_is_kept_as_json(field_type: str) -> None:
    value, anomalies = read_one(field_type, {"value": {"any": ["thing"]}})
    assert value.json == {"value": {"any": ["thing"]}}
    assert anomalies == []


@pytest.mark.parametrize(
    ("field_type", "item", "text"),
    [
        ("text", {"value": 12424}, "12424"),
        ("text", {"value": None}, None),
        ("text", {}, None),
        ("text", {"value": ["a"]}, None),
        ("numeric", {"value": "12,5"}, "12,5"),
        ("numeric", {"value": ""}, ""),
        ("numeric", {"value": "٣"}, "٣"),
        ("numeric", {"value": "1e5"}, "1e5"),
        ("numeric", {"value": "NaN"}, "NaN"),
        ("numeric", {"value": True}, "true"),
        ("numeric", {"value": Decimal("1.5e200000")}, "1.5E+200000"),
        ("checkbox", {"value": "1"}, "1"),
        ("checkbox", {"value": 0}, "0"),
        ("select", {"value": "Value 1"}, "Value 1"),
        ("select", {"value": "Value 1", "enum_id": None}, "Value 1"),
        ("select", {"value": "Value 1", "enum_id": 2**63}, "Value 1"),
        ("select", {"value": "Value 1", "enum_id": -1}, "Value 1"),
        ("date", {"value": "2020-05-16"}, "2020-05-16"),
        ("date", {"value": 1589576400000}, "1589576400000"),
        ("date", {"value": False}, "false"),
        ("date_time", {"value": "yesterday"}, "yesterday"),
        ("date_time", {"value": 10**30}, str(10**30)),
        ("text", "just a text", "just a text"),
        ("text", None, None),
        ("select", 5, "5"),
        ("legal_entity", "x", "x"),
    ],
)
def test_an_item_that_is_not_of_its_type_is_kept_as_text_and_json(
    field_type: str, item: Json, text: str | None
) -> None:
    value, anomalies = read_one(field_type, item)
    assert value.text == text
    assert value.json == (item if field_type != "numeric" or text != "1.5E+200000" else {"value": "1.5E+200000"})
    assert {value.number, value.boolean, value.date, value.instant, value.option_id} == {None}
    assert "untyped_value" in kinds(anomalies)
    assert all((anomaly.thing, anomaly.thing_id) == ("segment", 51) for anomaly in anomalies)


@pytest.mark.parametrize("field_type", ["hologram", "", "tеxt"])
def test_a_value_of_an_unknown_type_is_kept_as_json(field_type: str) -> None:
    value, anomalies = read_one(field_type, {"value": "x", "enum_id": 3})
    assert (value.field_type, value.text, value.json) == (field_type, "x", {"value": "x", "enum_id": 3})
    assert anomalies == [
        Anomaly(kind="unknown_field_type", thing="field", thing_id=7, detail=f"the field has a type '{field_type}'")
    ]


@pytest.mark.parametrize("field_type", [None, 5, ["text"], {"a": 1}])
def test_a_type_that_is_no_text_is_no_type(field_type: Json) -> None:
    value, anomalies = read_one(field_type, {"value": {"a": 1}})
    assert (value.field_type, value.text, value.json) == (None, None, {"value": {"a": 1}})
    assert kinds(anomalies) == ["unknown_field_type"]


def test_a_date_off_midnight_keeps_its_day_and_is_noted() -> None:
    value, anomalies = read_one("date", {"value": MIDNIGHT + 3600})
    assert value.date == date(2020, 5, 16)
    assert anomalies == [
        Anomaly(kind="date_off_midnight", thing="field", thing_id=7, detail="the field has a date that is not midnight")
    ]


def test_chosen_options_are_ordered_by_their_id() -> None:
    items = [{"value": "c", "enum_id": 30}, {"value": "?"}, {"value": "a", "enum_id": 10}, {"enum_id": "20"}]
    for order in (items, items[::-1]):
        values, _ = read({"field_id": 7, "field_type": "multiselect", "values": order})
        assert [(value.position, value.option_id) for value in values] == [(0, 10), (1, 20), (2, 30), (3, None)]


def test_other_items_keep_their_order() -> None:
    values, _ = read({"field_id": 7, "field_type": "multitext", "values": [{"value": "b"}, {"value": "a"}]})
    assert [(value.position, value.text) for value in values] == [(0, "b"), (1, "a")]


def test_several_entries_of_one_field_go_on_counting() -> None:
    entry = {"field_id": 7, "field_type": "text", "values": [{"value": "a"}, {"value": "b"}]}
    values, _ = read(entry, {"field_id": 8, "field_type": "text", "values": [{"value": "x"}]}, entry)
    assert [(value.field_id, value.position) for value in values] == [(7, 0), (7, 1), (8, 0), (7, 2), (7, 3)]


def test_two_fields_of_one_name_stay_two() -> None:
    entry = {"field_name": "Size", "field_type": "text", "values": [{"value": "a"}]}
    values, _ = read(entry | {"field_id": 7}, entry | {"field_id": 8})
    assert [value.field_id for value in values] == [7, 8]


@pytest.mark.parametrize("values", [None, []])
def test_an_entry_without_values_has_none(values: Json) -> None:
    assert read({"field_id": 7, "field_type": "text", "values": values}) == ([], [])


@pytest.mark.parametrize("entry", [{}, {"field_id": None}, {"field_id": 0}, {"field_id": 2**63}, [], None, "x"])
def test_an_entry_that_names_no_field_is_refused(entry: Json) -> None:
    with pytest.raises(InvalidRecord, match="no usable field id"):
        read(entry)


def test_values_that_are_no_list_are_refused() -> None:
    with pytest.raises(InvalidRecord, match="'values' is not a list"):
        read({"field_id": 7, "field_type": "text", "values": {"0": {"value": "a"}}})


def test_unknown_keys_are_kept_and_noted_once() -> None:
    entry = {"field_id": 7, "field_type": "text", "values": [{"value": "a", "unit": "kg"}], "is_computed": True}
    (first, second), anomalies = read(entry, entry | {"field_id": 8})
    assert (first.text, first.json) == ("a", {"value": "a", "unit": "kg"})
    assert second.json == first.json
    assert anomalies == [
        Anomaly(
            kind="unknown_key", thing="segment", thing_id=0, detail="'is_computed', in an entry of custom_fields_values"
        ),
        Anomaly(kind="unknown_key", thing="segment", thing_id=0, detail="'unit', in a field value"),
    ]


def test_text_that_postgres_refuses_is_replaced_in_values_and_types() -> None:
    value, anomalies = read_one("text", {"value": "a\0b\ud800"})
    assert value.text == "a\ufffdb\ufffd"
    assert anomalies == [Anomaly(kind="unstorable_text", thing="segment", thing_id=51, detail="in a value of field 7")]
    value, anomalies = read_one("ty\0pe", {"value": {"k\0": "\ud800"}})
    assert value.field_type == "ty\ufffdpe"
    assert value.json == {"value": {"k\ufffd": "\ufffd"}}
    assert all("\0" not in anomaly.detail and "\ud800" not in anomaly.detail for anomaly in anomalies)


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.decimals(allow_nan=False)
_ITEMS = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
_TYPES = ["text", "numeric", "checkbox", "select", "multiselect", "date", "date_time", "smart_address", "items", "new"]


@given(
    st.sampled_from(_TYPES),
    st.lists(st.fixed_dictionaries({}, optional={"value": _ITEMS, "enum_id": _SCALARS, "other": _ITEMS}) | _ITEMS),
)
def test_whatever_comes_is_kept_once_and_in_place(field_type: str, items: list[Json]) -> None:
    values, _ = read({"field_id": 7, "field_type": field_type, "values": items})
    assert [value.position for value in values] == list(range(len(items)))
    assert all(value.json is not None or _is_typed(value) or None in items for value in values)


def _is_typed(value: FieldValue) -> bool:
    typed = (value.text, value.number, value.boolean, value.date, value.instant, value.option_id)
    return sum(one is not None for one in typed) == 1
