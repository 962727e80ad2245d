"""The emulator's responses against the vendor's page."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator import Clock, Quirks, World, tokens
from emulator.messages import Request, Response
from emulator.responses import respond
from emulator.tokens import Token

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAYLOADS = Path(__file__).parents[2] / "payloads"


def example(case: str) -> Any:
    """An answer as the vendor's page shows it."""
    return json.loads((PAYLOADS / case / "200.json").read_text(encoding="utf-8"))


@pytest.fixture
def world() -> World:
    return World(clock=Clock(NOW))


@pytest.fixture
def account_id(world: World) -> int:
    return world.add_account()


def bearer(world: World, account_id: int, *, expires_at: datetime = NOW + timedelta(days=1)) -> str:
    token = Token(
        id="1",
        account_id=account_id,
        user_id=world.account(account_id).admin_id,
        issued_at=NOW,
        expires_at=expires_at,
        api_domain="localhost",
        client_id="test",
    )
    return "Bearer " + tokens.write(token, world.secret)


def get(world: World, account_id: int, path: str, **query: str) -> Response:
    headers = {"authorization": bearer(world, account_id)}
    request = Request(method="GET", path=f"/api/v4/{path}", query=query, headers=headers, base_url="http://here")
    return respond(world, request)


def shape(value: Any) -> Any:
    """Keys and types of a document, whatever its values; of a list, the shapes that occur."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return {"items": sorted({json.dumps(shape(one), sort_keys=True) for one in value})}
    return type(value).__name__


def fill_as_the_page(world: World, account_id: int) -> None:
    """Give an account the segments of the page's example."""
    checkbox = world.add_field(account_id, "Checkbox type field", "checkbox", code="MYSUPERCHECKBOX")
    select = world.add_field(account_id, "Select type field", "select", options=["Value 1"])
    text = world.add_field(account_id, "Text type field", "text")
    option_id = next(iter(world.account(account_id).fields[select].options))
    first = world.add_segment(account_id, "Segment 1", color="6610f2", price_field_ids=[288891], place=0)
    world.add_segment(account_id, "Segment 2", color="4a001f", price_field_ids=[271211], place=1)
    world.set_field_value(account_id, first, checkbox, True)
    world.set_field_value(account_id, first, select, option_id)
    world.set_field_value(account_id, first, text, "12424")


def test_the_segments_list_has_the_shape_of_the_page(world: World, account_id: int) -> None:
    fill_as_the_page(world, account_id)
    given = get(world, account_id, "customers/segments")
    assert (given.status, given.content_type) == (200, "application/hal+json")
    assert shape(given.payload) == shape(example("segments_list"))
    assert list(given.payload) == list(example("segments_list")), "the same order of keys, too"
    assert given.payload["_links"]["self"]["href"] == "http://here/api/v4/customers/segments?page=1&limit=50"


def test_one_segment_has_the_shape_of_the_page(world: World, account_id: int) -> None:
    fill_as_the_page(world, account_id)
    segment_id = world.shown_segments(account_id)[0]["id"]
    given = get(world, account_id, f"customers/segments/{segment_id}")
    assert shape(given.payload) == shape(example("segment_by_id"))
    assert given.payload["_links"]["self"]["href"] == f"http://here/api/v4/customers/segments/{segment_id}"


def test_the_stages_list_has_the_shape_of_the_page(world: World, account_id: int) -> None:
    world.switch_mode(account_id, "periodicity")
    world.add_stage(account_id, "Stage 1", sort=1, color="#fd5598")
    given = get(world, account_id, "customers/statuses")
    assert shape(given.payload) == shape(example("stages_list"))
    assert [item["type"] for item in given.payload["_embedded"]["statuses"]] == [4, 0, 1, 2, 3]


def test_one_stage_has_the_shape_of_the_page(world: World, account_id: int) -> None:
    page = example("stage_by_id")
    world.switch_mode(account_id, "periodicity")
    stage_id = world.add_stage(account_id, "Example stage", sort=2, color="#ccc8f9", conditions=page["conditions"])
    given = get(world, account_id, f"customers/statuses/{stage_id}")
    differing = {"id", "account_id", "_links"}
    assert shape(given.payload) == shape(page)
    assert {key: value for key, value in given.payload.items() if key not in differing} == {
        key: value for key, value in page.items() if key not in differing
    }


def test_the_account_tells_its_mode_and_on_request_its_timezone(world: World, account_id: int) -> None:
    plain = get(world, account_id, "account").payload
    assert (plain["id"], plain["customers_mode"]) == (account_id, "segments")
    assert plain["current_user_id"] == world.account(account_id).admin_id
    assert "_embedded" not in plain
    more = get(world, account_id, "account", **{"with": "version,datetime_settings"}).payload
    settings = more["_embedded"]["datetime_settings"]
    assert (settings["timezone"], settings["timezone_offset"]) == ("Europe/Moscow", "+03:00")


def test_fields_are_listed_and_given_by_id(world: World, account_id: int) -> None:
    field_id = world.add_field(account_id, "Channel", "select", code="CHANNEL", options=["a", "b"])
    world.add_field(account_id, "Note", "text")
    listed = get(world, account_id, "customers/segments/custom_fields").payload
    first, second = listed["_embedded"]["custom_fields"]
    assert (first["id"], first["type"], first["entity_type"], first["code"]) == (
        field_id,
        "select",
        "segments",
        "CHANNEL",
    )
    assert [option["value"] for option in first["enums"]] == ["a", "b"]
    assert [set(option) for option in first["enums"]] == [{"id", "value", "sort"}] * 2
    assert second["enums"] is None
    assert get(world, account_id, f"customers/segments/custom_fields/{field_id}").payload == first


@pytest.mark.parametrize(
    ("limit", "pages"), [("2", [2, 2, 1]), ("5", [5]), ("250", [5]), ("0", [5]), ("-1", [5]), ("many", [5])]
)
def test_pages_together_are_the_list(world: World, account_id: int, limit: str, pages: list[int]) -> None:
    for number in range(5):
        world.add_segment(account_id, f"Segment {number}")
    seen: list[Any] = []
    for page, length in enumerate(pages, 1):
        document = get(world, account_id, "customers/segments", page=str(page), limit=limit).payload
        items = document["_embedded"]["segments"]
        seen += items
        links = document["_links"]
        assert (len(items), document["_page"], document["_page_count"]) == (length, page, len(pages))
        assert document["_total_items"] == 5
        assert ("next" in links, "prev" in links, "first" in links) == (page < len(pages), page > 1, page > 1)
        if page < len(pages):
            assert f"page={page + 1}&" in links["next"]["href"]
    assert [{key: one for key, one in item.items() if key != "_links"} for item in seen] == world.shown_segments(
        account_id
    )
    past = get(world, account_id, "customers/segments", page=str(len(pages) + 1), limit=limit)
    assert (past.status, past.payload, past.body) == (204, None, b"")


def test_quirks_of_limits_and_totals(world: World, account_id: int) -> None:
    for number in range(5):
        world.add_segment(account_id, f"Segment {number}")
    world.quirks = Quirks(max_limit=3)
    assert len(get(world, account_id, "customers/segments", limit="250").payload["_embedded"]["segments"]) == 3
    world.quirks = Quirks(ignores_limit=True, default_limit=4)
    assert len(get(world, account_id, "customers/segments", limit="250").payload["_embedded"]["segments"]) == 4
    world.quirks = Quirks(has_totals=False)
    assert set(get(world, account_id, "customers/segments").payload) == {"_page", "_links", "_embedded"}


@pytest.mark.parametrize("path", ["customers/segments", "customers/segments/custom_fields"])
def test_an_empty_list_is_204_or_empty(world: World, account_id: int, path: str) -> None:
    assert get(world, account_id, path).status == 204
    world.quirks = Quirks(is_empty_list_204=False)
    document = get(world, account_id, path).payload
    assert list(document["_embedded"].values()) == [[]]
    assert (document["_total_items"], document["_page"], document["_page_count"]) == (0, 1, 1)


@pytest.mark.parametrize("mode", ["segments", "dynamic", "periodicity", "disabled", "unavailable"])
@pytest.mark.parametrize(
    "path",
    [
        "customers/statuses",
        "customers/statuses/1",
        "customers/segments",
        "customers/segments/1",
        "customers/segments/custom_fields",
        "customers/segments/custom_fields/1",
    ],
)
def test_a_mode_that_is_off_answers_422(world: World, account_id: int, mode: Any, path: str) -> None:
    world.switch_mode(account_id, mode)
    is_on = mode == "periodicity" if "statuses" in path else mode in ("segments", "dynamic")
    given = get(world, account_id, path)
    assert (given.status == 422) == (not is_on)
    if not is_on:
        assert given.content_type == "application/problem+json"
        assert given.payload["detail"] == "Customers disabled"
        assert given.payload["status"] == 422


@pytest.mark.parametrize("path", ["customers/segments", "customers/segments/custom_fields", "customers/statuses"])
def test_an_unknown_id_is_404_or_204(world: World, account_id: int, path: str) -> None:
    world.switch_mode(account_id, "periodicity" if "statuses" in path else "segments")
    given = get(world, account_id, f"{path}/99999999999999999999")
    assert (given.status, given.content_type) == (404, "application/problem+json")
    world.quirks = Quirks(is_missing_thing_204=True)
    assert get(world, account_id, f"{path}/1").status == 204


def test_a_deleted_id_is_unknown(world: World, account_id: int) -> None:
    segment_id = world.add_segment(account_id, "VIP")
    assert get(world, account_id, f"customers/segments/{segment_id}").status == 200
    world.delete_segment(account_id, segment_id)
    assert get(world, account_id, f"customers/segments/{segment_id}").status == 404


def test_an_account_sees_nothing_of_another(world: World, account_id: int) -> None:
    segment_id = world.add_segment(account_id, "VIP")
    stranger = world.add_account()
    assert get(world, stranger, "customers/segments").status == 204
    assert get(world, stranger, f"customers/segments/{segment_id}").status == 404
    assert get(world, stranger, "account").payload["id"] == stranger


@pytest.mark.parametrize("path", ["/", "/api/v4/", "/api/v4/leads", "/api/v4/customers/segments/x", "/api/v3/account"])
def test_other_paths_are_404(world: World, account_id: int, path: str) -> None:
    request = Request(method="GET", path=path, headers={"authorization": bearer(world, account_id)})
    assert respond(world, request).status == 404


def test_no_bad_or_expired_token_is_let_in(world: World, account_id: int) -> None:
    good = bearer(world, account_id)
    stranger = World(secret="another")
    stranger.add_account(account_id=account_id)
    for header in (
        None,
        "",
        "Bearer",
        "Bearer x.y.z",
        "Basic dTpw",
        good.replace("Bearer", "Token"),
        good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1],
        good + "A",
        bearer(stranger, account_id),
        bearer(world, account_id, expires_at=NOW),
    ):
        headers = {} if header is None else {"authorization": header}
        given = respond(world, Request(method="GET", path="/api/v4/account", headers=headers))
        assert (given.status, given.content_type) == (401, "application/problem+json"), header
    assert respond(world, Request(method="GET", path="/api/v4/account", headers={"authorization": good})).status == 200


def test_a_token_expires_when_the_clock_says_so(world: World, account_id: int) -> None:
    headers = {"authorization": bearer(world, account_id, expires_at=NOW + timedelta(hours=1))}
    request = Request(method="GET", path="/api/v4/account", headers=headers)
    world.clock.advance(timedelta(minutes=59))
    assert respond(world, request).status == 200
    world.clock.advance(timedelta(minutes=1))
    assert respond(world, request).status == 401


def test_a_token_says_whose_it_is_to_anyone_who_reads_it(world: World, account_id: int) -> None:
    claims = bearer(world, account_id).split(".")[1]
    read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (read["account_id"], read["exp"], read["api_domain"]) == (
        account_id,
        int((NOW + timedelta(days=1)).timestamp()),
        "localhost",
    )
