"""Changes that make a new version, and changes that do not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal

import pytest

from pipelines.amocrm.content_hash import field_hash, option_hash, segment_hash, stage_hash
from pipelines.amocrm.models import Json
from pipelines.amocrm.validation import InvalidRecord

Change = Callable[[Json], object]
ZONE = "Europe/Moscow"


@pytest.fixture
def segment() -> Json:
    """A segment with a value of every kind that hashing treats apart."""
    return {
        "id": 51,
        "created_at": 1589615328,
        "updated_at": 1591089010,
        "account_id": 28805383,
        "name": "Segment 1",
        "color": "6610f2",
        "available_products_price_types": [2, 1],
        "customers_count": 7,
        "custom_fields_values": [
            {"field_id": 1, "field_name": "T", "field_code": None, "field_type": "text", "values": [{"value": "a"}]},
            {
                "field_id": 2,
                "field_name": "M",
                "field_code": "MULTI",
                "field_type": "multiselect",
                "values": [{"value": "One", "enum_id": 11}, {"value": "Two", "enum_id": 12, "enum_code": None}],
            },
            {
                "field_id": 3,
                "field_name": "A",
                "field_code": None,
                "field_type": "smart_address",
                "values": [
                    {"value": "Main street", "enum_id": 1, "enum_code": "address_line_1"},
                    {"value": "Moscow", "enum_id": 3, "enum_code": "city"},
                ],
            },
            {"field_id": 4, "field_name": "D", "field_code": None, "field_type": "date", "values": [{"value": 0}]},
        ],
        "_links": {"self": {"href": "https://example.amocrm.com/api/v4/customers/segments/51"}},
    }


def entry(row: Json, index: int) -> Json:
    return row["custom_fields_values"][index]


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(customers_count=8),
        lambda row: row.update(updated_at=0),
        lambda row: row.update(id="51"),
        lambda row: row.update(account_id=None),
        lambda row: row.pop("_links"),
        lambda row: row["available_products_price_types"].reverse(),
        lambda row: row["custom_fields_values"].reverse(),
        lambda row: entry(row, 0).update(field_name="Renamed", field_code="CODE"),
        lambda row: entry(row, 1)["values"].reverse(),
        lambda row: entry(row, 1)["values"][0].update(value="Relabelled"),
        lambda row: entry(row, 1)["values"][0].update(enum_code="ONE"),
        lambda row: row["custom_fields_values"].append({"field_id": 9, "field_type": "text", "values": None}),
        lambda row: row["custom_fields_values"].append({"field_id": 9, "field_type": "text", "values": []}),
    ],
)
def test_what_makes_no_new_version_of_a_segment(segment: Json, change: Change) -> None:
    changed = copy.deepcopy(segment)
    change(changed)
    assert changed != segment
    assert segment_hash(changed, ZONE) == segment_hash(segment, ZONE)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(name="Renamed"),
        lambda row: row.update(name=None),
        lambda row: row.update(color="4a001f"),
        lambda row: row.update(created_at=1),
        lambda row: row["available_products_price_types"].append(3),
        lambda row: row.update(available_products_price_types=None),
        lambda row: row["available_products_price_types"].append("x"),
        lambda row: row.update(bonus_points_max_discount=None),
        lambda row: row.update(bonus_points_max_discount=Decimal("0.1")),
        lambda row: entry(row, 0)["values"][0].update(value="b"),
        lambda row: entry(row, 0)["values"][0].update(value="a\0"),
        lambda row: entry(row, 0)["values"].append({"value": "b"}),
        lambda row: entry(row, 0).update(field_type="textarea"),
        lambda row: entry(row, 0).update(field_type=["text"]),
        lambda row: entry(row, 0).update(field_id=99),
        lambda row: entry(row, 0).update(is_computed=True),
        lambda row: entry(row, 0)["values"][0].update(unit="kg"),
        lambda row: entry(row, 1)["values"].pop(),
        lambda row: entry(row, 1)["values"][0].update(enum_id=13),
        lambda row: entry(row, 1)["values"][0].update(weight=1),
        lambda row: entry(row, 1)["values"][0].pop("enum_id"),
        lambda row: entry(row, 2)["values"][0].update(value="Other street"),
        lambda row: entry(row, 2)["values"].reverse(),
        lambda row: row["custom_fields_values"].pop(),
        lambda row: row.update(custom_fields_values=None),
    ],
)
def test_what_makes_a_new_version_of_a_segment(segment: Json, change: Change) -> None:
    changed = copy.deepcopy(segment)
    change(changed)
    assert segment_hash(changed, ZONE) != segment_hash(segment, ZONE)


def test_null_is_the_same_as_an_empty_list(segment: Json) -> None:
    keys = ("custom_fields_values", "available_products_price_types")
    forms = [segment | dict.fromkeys(keys), segment | {key: [] for key in keys}]
    forms.append({key: value for key, value in segment.items() if key not in keys})
    assert len({segment_hash(form, ZONE) for form in forms}) == 1


def test_another_timezone_is_a_new_version_only_where_there_are_dates(segment: Json) -> None:
    assert segment_hash(segment, "UTC") != segment_hash(segment, ZONE)
    del segment["custom_fields_values"][3]
    assert segment_hash(segment, "UTC") == segment_hash(segment, ZONE)


def test_strings_that_differ_only_in_what_cannot_be_stored_are_different(segment: Json) -> None:
    assert segment_hash(segment | {"name": "\ud800"}, ZONE) != segment_hash(segment | {"name": "\ufffd"}, ZONE)


@pytest.mark.parametrize("values", ["none", {}, {"1": {}}, 7])
def test_values_that_are_no_list_are_refused(segment: Json, values: Json) -> None:
    with pytest.raises(InvalidRecord, match="not a list"):
        segment_hash(segment | {"custom_fields_values": values}, ZONE)


@pytest.mark.parametrize("values", [[None], ["x"], [{}], [{"field_id": None}]])
def test_values_that_name_no_field_are_refused(segment: Json, values: Json) -> None:
    with pytest.raises(InvalidRecord, match="no usable field id"):
        segment_hash(segment | {"custom_fields_values": values}, ZONE)


def test_versions_of_stages(document: Callable[[str], Json]) -> None:
    row = document("stage_by_id/200.json")
    same = [row | {"_links": {}}, row | {"account_id": None}, row | {"id": 1}]
    assert {stage_hash(other) for other in same} == {stage_hash(row)}
    assert stage_hash(row | {"conditions": None}) == stage_hash(row | {"conditions": []})
    changed = [
        row | {"name": "x"},
        row | {"sort": 3},
        row | {"is_default": True},
        row | {"color": "#fff000"},
        row | {"type": 1},
        row | {"extra": 1},
        row | {"conditions": row["conditions"][:1]},
        row | {"conditions": row["conditions"][::-1]},
    ]
    assert len({stage_hash(other) for other in [row, *changed]}) == len(changed) + 1


def test_options_are_versions_of_their_own(document: Callable[[str], Json]) -> None:
    row = document("fields_list/200.json")["_embedded"]["custom_fields"][1]
    assert field_hash(row | {"enums": None}) == field_hash(row)
    assert field_hash(row | {"name": "x"}) != field_hash(row)
    assert field_hash(row | {"remind": "day"}) != field_hash(row)
    option = row["enums"][0]
    assert option_hash(option | {"id": 5}) == option_hash(option)
    changed = [option | {"value": "x"}, option | {"sort": 9}, option | {"code": "C"}]
    assert len({option_hash(other) for other in [option, *changed]}) == 4


def test_hashes_stay_what_they_were_when_the_first_history_was_stored(segment: Json) -> None:
    assert segment_hash(segment, ZONE).hex() == "ea72df20aa4814298e8ab59ca3cb6ad10b304802a9ce65884192e337251a651a"
