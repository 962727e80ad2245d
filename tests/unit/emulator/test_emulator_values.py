"""Field values that the emulator accepts, by type."""

from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.entities import FIELD_TYPES
from emulator.messages import Response
from tests.unit.emulator.test_emulator_writes import SEGMENTS, Client, errors


@pytest.fixture
def segments() -> Client:
    return Client("segments")


# Values by the types of fields


GOOD: dict[str, tuple[Any, Any]] = {
    "text": ("a", "a"),
    "textarea": ("a\nb\x00", "a\nb\x00"),
    "url": ("https://x.example", "https://x.example"),
    "streetaddress": ("Москва", "Москва"),
    "numeric": (12.5, "12.5"),
    "checkbox": (False, False),
    # In Moscow 22:00 UTC of the 7th is the 8th, which began at 21:00 UTC.
    "date": (
        int(datetime(2026, 3, 7, 22, tzinfo=UTC).timestamp()),
        int(datetime(2026, 3, 7, 21, tzinfo=UTC).timestamp()),
    ),
    "date_time": ("2026-03-08T15:00:00+03:00", int(datetime(2026, 3, 8, 12, tzinfo=UTC).timestamp())),
    "select": ("b", "b"),
    "radiobutton": ("b", "b"),
    "multiselect": ("b", "b"),
}
BAD: dict[str, list[Any]] = {
    "text": [5, None, True],
    "textarea": [5],
    "url": [["x"]],
    "streetaddress": [{}],
    "numeric": ["many", True, None, "NaN", "1e", ""],
    "checkbox": ["true", 1, None],
    "date": ["tomorrow", True, 1.5, 10**20, "2026-03-08T15:00:00"],
    "date_time": ["2026-03-08T15:00:00", None, -(10**20)],
    "select": ["z", 7, None],
    "radiobutton": ["z"],
    "multiselect": ["z"],
}


def test_both_tables_name_all_types() -> None:
    assert set(GOOD) == set(BAD) == set(FIELD_TYPES)


@pytest.mark.parametrize("kind", FIELD_TYPES)
def test_values_are_taken_as_their_field_asks(segments: Client, kind: str) -> None:
    world, account_id = segments.world, segments.account_id
    options = ["a", "b"] if kind in ("select", "radiobutton", "multiselect") else []
    field_id = world.add_field(account_id, "Field", kind, options=options)
    segment_id = world.add_segment(account_id, "Here")

    def patch(values: Any) -> Response:
        body = {"custom_fields_values": [{"field_id": field_id, "values": values}]}
        return segments.send("PATCH", f"{SEGMENTS}/{segment_id}", body)

    sent, shown = GOOD[kind]
    given = patch([{"value": sent}])
    assert given.status == 200, given.payload
    assert given.payload["custom_fields_values"][0]["values"][0]["value"] == shown
    before = world.to_json()
    for wrong in BAD[kind]:
        assert errors(patch([{"value": wrong}])) == {("0", "InvalidValue", "custom_fields_values.0.values")}, wrong
    for wrong in ["text", {"value": sent}, ["text"]]:
        assert patch(wrong).status == 400
    assert (patch([{"value": sent}] * 2).status == 200) == (kind == "multiselect")
    world_after = world.to_json()
    if kind != "multiselect":
        assert world_after == before
    assert patch([]).payload["custom_fields_values"] == []


def test_options_are_taken_by_id(segments: Client) -> None:
    world, account_id = segments.world, segments.account_id
    field_id = world.add_field(account_id, "Tastes", "multiselect", options=["a", "b"])
    a, b = segments.account.fields[field_id].options
    values = [{"enum_id": b}, {"value": "anything", "enum_id": a}]
    given = segments.send(
        "POST", SEGMENTS, {"name": "New", "custom_fields_values": [{"field_id": field_id, "values": values}]}
    )
    assert [one["enum_id"] for one in given.payload["custom_fields_values"][0]["values"]] == [b, a]
    wrong = {"name": "New", "custom_fields_values": [{"field_id": field_id, "values": [{"value": "a", "enum_id": 1}]}]}
    assert segments.send("POST", SEGMENTS, wrong).status == 400
