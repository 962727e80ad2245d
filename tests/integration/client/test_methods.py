"""The ten methods of the vendor's page "Customers Stages and Segments", each with each status that it documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from emulator import effects
from emulator.things import Field, Json, Option
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.writes import Written
from pipelines.errors import ApiError, Forbidden, InvalidRequest, ModeDisagreement, Unauthorized
from tests.integration.client.shop import NOW, Shop

PAYLOADS = Path(__file__).parents[2] / "payloads"
STAGES, SEGMENTS = "/api/v4/customers/statuses", "/api/v4/customers/segments"
READ, LIST_ADDED, CHANGED, DELETED = (
    (200, 401, 422),
    (200, 400, 401, 403, 422),
    (200, 400, 401, 403),
    (204, 400, 401, 403),
)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A section of the page."""

    verb: str
    path: str
    statuses: tuple[int, ...]
    call: Callable[[AmoClient, int, Json], object]  # with the id of a thing, and the body to send
    example: str | None = None  # folder of the page's own request

    @property
    def is_about_stages(self) -> bool:
        return self.path.startswith(STAGES)

    @property
    def is_write(self) -> bool:
        return self.verb != "GET"


METHODS: Mapping[str, Method] = {
    "Stages list": Method(verb="GET", path=STAGES, statuses=READ, call=lambda client, _, __: client.stages()),
    "Getting a customers stage by its ID": Method(
        verb="GET", path=STAGES + "/{id}", statuses=READ, call=lambda client, one, _: client.stage(one)
    ),
    "Adding stages into the customers pipeline": Method(
        verb="POST",
        path=STAGES,
        statuses=LIST_ADDED,
        call=lambda client, _, body: client.writes.add_stages(body),
        example="stages_add",
    ),
    "Updating a customers stage": Method(
        verb="PATCH",
        path=STAGES + "/{id}",
        statuses=CHANGED,
        call=lambda client, one, body: client.writes.update_stage(one, body),
        example="stage_update",
    ),
    "Deleting a customers stage": Method(
        verb="DELETE",
        path=STAGES + "/{id}",
        statuses=DELETED,
        call=lambda client, one, _: client.writes.delete_stage(one),
    ),
    "Segments list": Method(verb="GET", path=SEGMENTS, statuses=READ, call=lambda client, _, __: client.segments()),
    "Getting a customers segment by its ID": Method(
        verb="GET", path=SEGMENTS + "/{id}", statuses=READ, call=lambda client, one, _: client.segment(one)
    ),
    "Adding a customers segment": Method(
        verb="POST",
        path=SEGMENTS,
        statuses=CHANGED,
        call=lambda client, _, body: client.writes.add_segment(body),
        example="segment_add",
    ),
    "Updating a customers segment": Method(
        verb="PATCH",
        path=SEGMENTS + "/{id}",
        statuses=CHANGED,
        call=lambda client, one, body: client.writes.update_segment(one, body),
        example="segment_update",
    ),
    "Deleting a customers segment": Method(
        verb="DELETE",
        path=SEGMENTS + "/{id}",
        statuses=DELETED,
        call=lambda client, one, _: client.writes.delete_segment(one),
    ),
}

ERRORS: Mapping[tuple[int, bool], type[ApiError]] = {  # by status, and whether it is a write
    (400, True): InvalidRequest,
    (401, False): Unauthorized,
    (401, True): Unauthorized,
    (403, True): Forbidden,
    (422, False): ModeDisagreement,
    (422, True): InvalidRequest,
}

CASES = [
    pytest.param(method, status, id=f"{name}-{status}")
    for name, method in METHODS.items()
    for status in method.statuses
]


@pytest.fixture
def page_shop(shop: Shop) -> Shop:
    """The account, with the two fields that the page's examples fill."""
    fields = shop.emulator.world.account(shop.account_id).fields
    fields[245035] = Field(id=245035, name="Segment description", type="text")
    label = Option(id=387477, value="multiselect field value", sort=1)
    fields[245351] = Field(id=245351, name="multiselect field", type="multiselect", options={label.id: label})
    return shop


def shown(shop: Shop) -> tuple[Json, Json]:
    """Stages and segments as they are now."""
    world = shop.emulator.world
    return world.shown_stages(shop.account_id), world.shown_segments(shop.account_id)


def thing_of(shop: Shop, method: Method) -> int:
    """The id of a thing that the method can be about."""
    if not method.is_about_stages:
        return shop.segment_ids[0]
    shop.emulator.world.switch_mode(shop.account_id, "periodicity")
    return shop.emulator.world.add_stage(shop.account_id, "Stage", sort=5)


def body_of(method: Method) -> Json:
    """What the page's own example sends."""
    return method.example and json.loads((PAYLOADS / method.example / "request.json").read_text(encoding="utf-8"))


@dataclass(kw_only=True)
class Try:
    """One call of a method, and what has to be so for the answer to have a certain status."""

    shop: Shop
    method: Method
    status: int

    def __post_init__(self) -> None:
        self.thing_id = thing_of(self.shop, self.method)
        self.body = body_of(self.method)
        self.token = self.shop.token
        self.result: object = None
        self.error: ApiError | None = None
        self._see_to_it()

    def _see_to_it(self) -> None:
        shop, world, is_about_stages = self.shop, self.shop.emulator.world, self.method.is_about_stages
        match self.status:
            case 400 if self.method.example:
                (self.body[0] if isinstance(self.body, list) else self.body)["color"] = "none of the palette"
            case 400 if is_about_stages:
                self.thing_id = next(one["id"] for one in world.shown_stages(shop.account_id) if one["is_default"])
            case 400:
                shop.emulator.faults.add(effects.error(400, "This segment stays"))
            case 401:
                self.token = shop.emulator.long_lived_token(shop.account_id, NOW - timedelta(days=1))
            case 403:
                self.token = shop.emulator.long_lived_token(shop.account_id, is_admin=False)
            case 422 if self.method.is_write:
                while len(world.shown_stages(shop.account_id)) < 30:
                    world.add_stage(shop.account_id, "One of many")
            case 422:
                world.switch_mode(shop.account_id, "segments" if is_about_stages else "periodicity")

    @property
    def path(self) -> str:
        return self.method.path.format(id=self.thing_id)

    def make(self) -> None:
        with self.shop.client(token=lambda: self.token) as client:
            try:
                self.result = self.method.call(client, self.thing_id, self.body)
            except ApiError as error:
                self.error = error


@pytest.mark.parametrize(("method", "status"), CASES)
def test_each_method_with_each_status(page_shop: Shop, method: Method, status: int) -> None:
    one = Try(shop=page_shop, method=method, status=status)
    before = shown(one.shop)
    one.make()
    check_request(one)
    if status < 400:
        assert one.error is None
        assert one.result is not None
    else:
        check_refusal(one)
        if not one.shop.emulator.faults.active:  # which change answers only
            assert shown(one.shop) == before
    if method.is_write:
        check_attempt(one)


def check_request(one: Try) -> None:
    """It came once, as the page has it."""
    [request] = one.shop.emulator.requests
    is_list = one.method.path in (STAGES, SEGMENTS) and not one.method.is_write
    assert (request.method, request.path) == (one.method.verb, one.path)
    assert request.query == ({"page": "1", "limit": "250"} if is_list else {})
    assert request.headers["authorization"] == f"Bearer {one.token}"
    assert {"application/hal+json", "application/problem+json"} <= set(request.headers["accept"].split(", "))
    assert request.headers.get("content-type") == ("application/json" if one.method.is_write else None)
    assert (json.loads(request.body) if request.body else None) == one.body


def check_refusal(one: Try) -> None:
    """The error is of its kind and says what the answer says."""
    assert one.error is not None
    assert type(one.error) is ERRORS[one.status, one.method.is_write]
    assert one.error.status == one.status
    assert one.error.request is not None
    assert one.error.request.startswith(f"{one.method.verb} {one.path}")
    assert one.error.request_id
    if one.status == 400 and one.method.example:
        assert "color: The value you selected is not a valid choice. (NotSupportedChoice)" in one.error.message


def check_attempt(one: Try) -> None:
    """What a record of the write needs is there, whatever became of it."""
    attempt = one.error.attempt if one.error else one.result.attempt if isinstance(one.result, Written) else None
    assert attempt is not None
    assert attempt.answer is not None
    assert str(attempt.request) == f"{one.method.verb} {one.path}"
    assert (attempt.request.body or b"") == one.shop.emulator.requests[0].body
    assert attempt.answer.status == one.status
    expected = {200: "application/hal+json", 204: None}
    assert attempt.answer.content_type == expected.get(one.status, "application/problem+json")
    assert attempt.answer.request_id
    assert attempt.sent_at <= attempt.answered_at


def links(written: Written) -> list[str]:
    """Paths of the links to what was added or changed, hosts aside."""
    assert written.attempt.answer is not None
    document = json.loads(written.attempt.answer.body)
    rows = document["_embedded"]["statuses"] if "_embedded" in document else [document]
    return [urlsplit(row["_links"]["self"]["href"]).path for row in rows]


def test_what_was_added_and_changed_is_there_under_its_link(page_shop: Shop) -> None:
    with page_shop.client() as client:
        added = client.writes.add_segment(body_of(METHODS["Adding a customers segment"]))
        [segment_id] = added.ids
        row = client.segment(segment_id)
        assert links(added) == [f"{SEGMENTS}/{segment_id}"]
        assert row is not None
        assert (row["name"], row["color"]) == ("Example segment", "ae003f")
        assert [one["values"] for one in row["custom_fields_values"]] == [
            [{"value": "This is an example segment"}],
            [{"value": "multiselect field value", "enum_id": 387477}],
        ]
        changed = client.writes.update_segment(segment_id, body_of(METHODS["Updating a customers segment"]))
        assert (changed.ids, links(changed)) == ((segment_id,), [f"{SEGMENTS}/{segment_id}"])
        row = client.segment(segment_id)
        assert row is not None
        assert row["name"] == "New segment name"
        assert client.writes.delete_segment(segment_id).ids == (segment_id,)
        assert client.segment(segment_id) is None


def test_added_stages_are_told_by_their_request_ids(page_shop: Shop) -> None:
    page_shop.emulator.world.switch_mode(page_shop.account_id, "periodicity")
    reverse = effects.payload(
        lambda document: document | {"_embedded": {"statuses": document["_embedded"]["statuses"][::-1]}}
    )
    page_shop.emulator.faults.add(reverse, method="POST")
    with page_shop.client() as client:
        for stages in (
            body_of(METHODS["Adding stages into the customers pipeline"]),
            [{"name": "Third", "sort": 3, "request_id": "c"}, {"name": "Fourth", "sort": 4, "request_id": "d"}],
            [{"name": "Fifth", "sort": 5, "request_id": "x"}, {"name": "Sixth", "sort": 6}],
        ):
            added = client.writes.add_stages(stages)
            rows = [client.stage(stage_id) for stage_id in added.ids]
            assert [row and row["name"] for row in rows] == [stage["name"] for stage in stages]
            assert sorted(links(added)) == [f"{STAGES}/{stage_id}" for stage_id in sorted(added.ids)]
        [stage_id] = client.writes.update_stage(added.ids[0], {"sort": 50}).ids
        row = client.stage(stage_id)
        assert row is not None
        assert (row["sort"], row["name"], "request_id" in row) == (50, "Fifth", False)
        client.writes.delete_stage(stage_id)
        assert client.stage(stage_id) is None
