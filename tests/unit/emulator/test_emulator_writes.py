"""The emulator's writes: each method with each documented status."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator import Clock, Quirks, World, tokens
from emulator.entities import Mode
from emulator.messages import Request, Response
from emulator.palettes import SEGMENT_COLORS, STAGE_COLORS
from emulator.responses import respond
from emulator.tokens import Token

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAYLOADS = Path(__file__).parents[2] / "payloads"
STAGES, SEGMENTS = "/api/v4/customers/statuses", "/api/v4/customers/segments"


def page(case: str, name: str = "200") -> Any:
    """A body as the vendor's page shows it; its answer to an updated segment has one comma too many."""
    text = (PAYLOADS / case / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace("},\n    ]", "}\n    ]"))


class Client:
    """One account of a world, and requests to it without any socket."""

    def __init__(self, mode: Mode) -> None:
        self.world = World(clock=Clock(NOW))
        self.account_id = self.world.add_account(mode=mode)
        self.account = self.world.account(self.account_id)

    def send(
        self, method: str, path: str, body: Any = None, *, is_admin: bool = True, has_token: bool = True
    ) -> Response:
        token = Token(
            id="1",
            account_id=self.account_id,
            user_id=self.account.admin_id if is_admin else self.account.user_id,
            issued_at=NOW,
            expires_at=NOW + timedelta(days=9),
            api_domain="here",
            client_id="test",
        )
        bearer = {"authorization": "Bearer " + tokens.write(token, self.world.secret)} if has_token else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(method=method, path=path, headers=bearer, body=data, base_url="http://here")
        return respond(self.world, request)

    def shown(self, path: str) -> list[dict[str, Any]]:
        listed = self.world.shown_stages if path.startswith(STAGES) else self.world.shown_segments
        return listed(self.account_id)


@pytest.fixture
def stages() -> Client:
    return Client("periodicity")


@pytest.fixture
def segments() -> Client:
    return Client("segments")


def shape(value: Any) -> Any:
    """Keys and types of a document, whatever its values."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value).__name__


def errors(given: Response) -> set[tuple[str, str, str]]:
    """Request id, code and path of each validation error of a 400."""
    assert (given.status, given.content_type) == (400, "application/problem+json")
    assert (given.payload["title"], given.payload["status"]) == ("Bad Request", 400)
    return {
        (one["request_id"], error["code"], error["path"])
        for one in given.payload["validation-errors"]
        for error in one["errors"]
    }


# What the page asks and answers


def test_stages_are_added_as_the_page_shows(stages: Client) -> None:
    given = stages.send("POST", STAGES, page("stages_add", "request"))
    assert (given.status, given.content_type) == (200, "application/hal+json")
    assert shape(given.payload) == shape(page("stages_add"))
    first, second = given.payload["_embedded"]["statuses"]
    assert (first["request_id"], second["request_id"]) == ("0", "1")
    assert first["_links"]["self"]["href"] == f"http://here{STAGES}/{first['id']}"
    added = [item for item in stages.shown(STAGES) if item["id"] in (first["id"], second["id"])]
    assert [(item["name"], item["sort"], item["color"], item["type"], item["is_default"]) for item in added] == [
        ("New stage", 100, "#fffeb2", 0, False),
        ("New stage 2", 200, "#fffeb2", 0, False),
    ]


def test_request_ids_come_back_and_are_not_saved(stages: Client) -> None:
    sent = [{"name": "A", "sort": 1, "request_id": "mine"}, {"name": "B", "sort": 2}]
    given = stages.send("POST", STAGES, sent)
    assert [item["request_id"] for item in given.payload["_embedded"]["statuses"]] == ["mine", "1"]
    assert not any("request_id" in item for item in stages.shown(STAGES))


def test_a_stage_is_updated_as_the_page_shows(stages: Client) -> None:
    stage_id = stages.world.add_stage(stages.account_id, "Old", sort=5)
    given = stages.send("PATCH", f"{STAGES}/{stage_id}", page("stage_update", "request"))
    assert given.status == 200
    assert shape(given.payload) == shape(page("stage_update"))
    for key in ("name", "sort", "color", "is_default", "conditions", "type", "request_id"):
        assert given.payload[key] == page("stage_update")[key]
    again = stages.send("PATCH", f"{STAGES}/{stage_id}", {"sort": 9, "request_id": "x"})
    assert (again.payload["sort"], again.payload["name"], again.payload["request_id"]) == (9, "New stage name", "x")


def test_a_stage_is_deleted_and_its_customers_move_after_a_while(stages: Client) -> None:
    first = stages.shown(STAGES)[0]["id"]
    stage_id = stages.world.add_stage(stages.account_id, "Waiting")
    customer_id = stages.world.add_customer(stages.account_id, stage_id=stage_id)
    given = stages.send("DELETE", f"{STAGES}/{stage_id}")
    assert (given.status, given.payload, given.body, given.content_type) == (204, None, b"", None)
    assert stage_id not in [item["id"] for item in stages.shown(STAGES)]
    path = f"/api/v4/customers/{customer_id}"
    assert stages.send("GET", path).payload["status_id"] == stage_id
    stages.world.clock.advance(timedelta(minutes=1))
    assert stages.send("GET", path).payload["status_id"] == first


def test_a_segment_is_added_as_the_page_shows(segments: Client) -> None:
    world, account_id = segments.world, segments.account_id
    text = world.add_field(account_id, "Segment description", "text")
    choice = world.add_field(account_id, "multiselect field", "multiselect", options=["multiselect field value"])
    option_id = next(iter(segments.account.fields[choice].options))
    sent = page("segment_add", "request")
    sent["custom_fields_values"][0]["field_id"] = text
    sent["custom_fields_values"][1] |= {"field_id": choice, "values": [{"enum_id": option_id}]}

    given = segments.send("POST", SEGMENTS, sent)

    assert (given.status, given.content_type) == (200, "application/hal+json")
    assert shape(given.payload) == shape(page("segment_add"))
    expected = page("segment_add")
    for key in ("name", "color", "available_products_price_types", "customers_count"):
        assert given.payload[key] == expected[key]
    assert given.payload["created_at"] == given.payload["updated_at"] == int(NOW.timestamp())
    assert given.payload["custom_fields_values"][1]["values"] == [
        {"value": "multiselect field value", "enum_id": option_id}
    ]
    assert segments.shown(SEGMENTS) == [{key: one for key, one in given.payload.items() if key != "_links"}]


def test_a_segment_is_updated_as_the_page_shows(segments: Client) -> None:
    world, account_id = segments.world, segments.account_id
    text = world.add_field(account_id, "Segment description", "text")
    kept = world.add_field(account_id, "Kept", "numeric", code="KEPT")
    segment_id = world.add_segment(account_id, "Old", color="6610f2", price_field_ids=[288891])
    world.set_field_value(account_id, segment_id, kept, 5)
    world.clock.advance(timedelta(hours=1))
    sent = page("segment_update", "request")
    sent["custom_fields_values"][0]["field_id"] = text

    given = segments.send("PATCH", f"{SEGMENTS}/{segment_id}", sent)

    assert given.status == 200
    assert set(given.payload) == set(page("segment_update"))
    assert (given.payload["name"], given.payload["color"]) == ("New segment name", "ae003f")
    assert given.payload["updated_at"] - given.payload["created_at"] == 3600
    assert given.payload["available_products_price_types"] == [288891], "what is not sent stays"
    values = {one["field_name"]: one["values"] for one in given.payload["custom_fields_values"]}
    assert values == {"Segment description": [{"value": "New segment description"}], "Kept": [{"value": "5"}]}
    cleared = segments.send(
        "PATCH",
        f"{SEGMENTS}/{segment_id}",
        {
            "custom_fields_values": [{"field_code": "KEPT", "values": None}],
            "available_products_price_types": [],
            "request_id": "r",
        },
    ).payload
    assert [one["field_name"] for one in cleared["custom_fields_values"]] == ["Segment description"]
    assert (cleared["available_products_price_types"], cleared["request_id"]) == ([], "r")
    assert "request_id" not in segments.shown(SEGMENTS)[0]


def test_a_segment_is_deleted(segments: Client) -> None:
    segment_id = segments.world.add_segment(segments.account_id, "Old")
    assert segments.send("DELETE", f"{SEGMENTS}/{segment_id}").status == 204
    assert segments.shown(SEGMENTS) == []
    assert segments.send("GET", f"{SEGMENTS}/{segment_id}").status == 404


# What the page refuses


WRITES: list[tuple[str, str, Any]] = [
    ("POST", STAGES, [{"name": "New", "sort": 1}]),
    ("PATCH", f"{STAGES}/{{id}}", {"name": "New"}),
    ("DELETE", f"{STAGES}/{{id}}", None),
    ("POST", SEGMENTS, {"name": "New"}),
    ("PATCH", f"{SEGMENTS}/{{id}}", {"name": "New"}),
    ("DELETE", f"{SEGMENTS}/{{id}}", None),
]


def client_for(path: str) -> tuple[Client, str]:
    """An account whose mode is right for a path, and the path with the id of a thing it has."""
    is_about_stages = path.startswith(STAGES)
    client = Client("periodicity" if is_about_stages else "segments")
    add = client.world.add_stage if is_about_stages else client.world.add_segment
    return client, path.format(id=add(client.account_id, "Here"))


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_writes_need_a_token_an_administrator_and_the_mode(method: str, path: str, body: Any) -> None:
    client, path = client_for(path)
    before = client.world.to_json()
    assert client.send(method, path, body, has_token=False).status == 401
    refused = client.send(method, path, body, is_admin=False)
    assert (refused.status, refused.content_type) == (403, "application/problem+json")
    client.world.switch_mode(client.account_id, "disabled")
    assert client.send(method, path, body).status == 422
    client.world.switch_mode(client.account_id, before["accounts"][0]["mode"])
    assert client.world.to_json() == before
    assert client.send(method, path, body).status in (200, 204)
    assert client.world.to_json() != before


@pytest.mark.parametrize(("method", "path", "body"), [one for one in WRITES if one[0] != "POST"])
def test_writes_to_an_unknown_or_deleted_id_are_404(method: str, path: str, body: Any) -> None:
    client, path = client_for(path)
    client.world.quirks = Quirks(is_missing_thing_204=True)
    assert client.send("DELETE", path).status == 204
    given = client.send(method, path, body)
    assert (given.status, given.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[" * 200_000, b"null", b"7", b"{}", b"[]", b"[7]"])
@pytest.mark.parametrize(("method", "path"), [one[:2] for one in WRITES if one[0] != "DELETE"])
def test_a_body_of_another_structure_is_400(method: str, path: str, body: bytes) -> None:
    client, path = client_for(path)
    before = client.world.to_json()
    assert errors(client.send(method, path, body))
    assert client.world.to_json() == before


@pytest.mark.parametrize(
    ("sent", "code", "path"),
    [
        ({"sort": 1}, "FieldMissing", "name"),
        ({"name": "New"}, "FieldMissing", "sort"),
        ({"name": "", "sort": 1}, "NotBlank", "name"),
        ({"name": 5, "sort": 1}, "InvalidType", "name"),
        ({"name": "New", "sort": "1"}, "InvalidType", "sort"),
        ({"name": "New", "sort": True}, "InvalidType", "sort"),
        ({"name": "New", "sort": 1, "color": "#ccff66"}, "NotSupportedChoice", "color"),
        ({"name": "New", "sort": 1, "color": None}, "NotSupportedChoice", "color"),
        ({"name": "New", "sort": 1, "request_id": 5}, "InvalidType", "request_id"),
        ({"name": "New", "sort": 1, "conditions": []}, "NotExpected", "conditions"),
    ],
)
def test_a_stage_that_the_page_does_not_allow_adds_none(stages: Client, sent: Any, code: str, path: str) -> None:
    before = stages.world.to_json()
    given = stages.send("POST", STAGES, [{"name": "Fine", "sort": 1}, sent])
    assert errors(given) == {("1", code, path)}
    assert stages.world.to_json() == before


@pytest.mark.parametrize(
    ("sent", "code", "path"),
    [
        ({"color": "10599d"}, "FieldMissing", "name"),
        ({"name": " "}, "NotBlank", "name"),
        ({"name": "New", "color": "#10599d"}, "NotSupportedChoice", "color"),
        ({"name": "New", "available_products_price_types": None}, "InvalidType", "available_products_price_types"),
        ({"name": "New", "available_products_price_types": ["1"]}, "InvalidType", "available_products_price_types"),
        ({"name": "New", "custom_fields_values": {}}, "InvalidType", "custom_fields_values"),
        ({"name": "New", "custom_fields_values": [7]}, "NotSupportedChoice", "custom_fields_values.0.field_id"),
        (
            {"name": "New", "custom_fields_values": [{"field_id": 5, "values": []}]},
            "NotSupportedChoice",
            "custom_fields_values.0.field_id",
        ),
        ({"name": "New", "customers_count": 5}, "NotExpected", "customers_count"),
    ],
)
def test_a_segment_that_the_page_does_not_allow_is_not_added(segments: Client, sent: Any, code: str, path: str) -> None:
    before = segments.world.to_json()
    assert errors(segments.send("POST", SEGMENTS, sent)) == {("0", code, path)}
    assert segments.world.to_json() == before


@pytest.mark.parametrize("path", [STAGES, SEGMENTS])
def test_an_update_needs_at_least_one_parameter(path: str) -> None:
    client, one = client_for(path + "/{id}")
    assert errors(client.send("PATCH", one, {"request_id": "mine"})) == {("mine", "FieldMissing", "")}


def test_system_stages_stay(stages: Client) -> None:
    before = stages.world.to_json()
    for item in stages.shown(STAGES):
        given = stages.send("DELETE", f"{STAGES}/{item['id']}")
        assert (given.status, given.payload["detail"]) == (400, "System stages can't be deleted")
    assert stages.world.to_json() == before


def test_no_more_than_thirty_stages(stages: Client) -> None:
    sent = [{"name": f"Stage {number}", "sort": number} for number in range(27)]
    given = stages.send("POST", STAGES, sent)
    assert (given.status, len(stages.shown(STAGES))) == (422, 4)
    assert stages.send("POST", STAGES, sent[1:]).status == 200
    assert len(stages.shown(STAGES)) == 30
    assert stages.send("POST", STAGES, sent[:1]).status == 422


def test_no_more_than_a_hundred_segments(segments: Client) -> None:
    for number in range(100):
        assert segments.send("POST", SEGMENTS, {"name": f"Segment {number}"}).status == 200
    assert segments.send("POST", SEGMENTS, {"name": "One more"}).status == 400
    assert segments.send("DELETE", f"{SEGMENTS}/{segments.shown(SEGMENTS)[0]['id']}").status == 204
    assert segments.send("POST", SEGMENTS, {"name": "One more"}).status == 200


def test_palettes_are_the_page_s(stages: Client, segments: Client) -> None:
    assert (len(set(STAGE_COLORS)), len(set(SEGMENT_COLORS))) == (21, 40)
    stage_id = stages.world.add_stage(stages.account_id, "Here")
    segment_id = segments.world.add_segment(segments.account_id, "Here")
    for color in STAGE_COLORS:
        assert stages.send("PATCH", f"{STAGES}/{stage_id}", {"color": color}).status == 200
    for color in SEGMENT_COLORS:
        assert segments.send("PATCH", f"{SEGMENTS}/{segment_id}", {"color": color}).status == 200
