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
from emulator.entities import Field, Json, Option
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.writes import WriteResult
from pipelines.base.errors import ApiError, Forbidden, InvalidRequest, ModeDisagreement, Unauthorized
from tests.integration.client.client_account import ClientAccount
from tests.records import START

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
    "Stages list": Method(verb="GET", path=STAGES, statuses=READ, call=lambda client, *_: client.fetch_list("stages")),
    "Getting a customers stage by its ID": Method(
        verb="GET", path=STAGES + "/{id}", statuses=READ, call=lambda client, one, _: client.fetch_entity("stage", one)
    ),
    "Adding stages into the customers pipeline": Method(
        verb="POST",
        path=STAGES,
        statuses=LIST_ADDED,
        call=lambda client, _, body: client.writes.call("POST", "stages", None, body),
        example="stages_add",
    ),
    "Updating a customers stage": Method(
        verb="PATCH",
        path=STAGES + "/{id}",
        statuses=CHANGED,
        call=lambda client, one, body: client.writes.call("PATCH", "stages", one, body),
        example="stage_update",
    ),
    "Deleting a customers stage": Method(
        verb="DELETE",
        path=STAGES + "/{id}",
        statuses=DELETED,
        call=lambda client, one, _: client.writes.call("DELETE", "stages", one, None),
    ),
    "Segments list": Method(
        verb="GET", path=SEGMENTS, statuses=READ, call=lambda client, *_: client.fetch_list("segments")
    ),
    "Getting a customers segment by its ID": Method(
        verb="GET",
        path=SEGMENTS + "/{id}",
        statuses=READ,
        call=lambda client, one, _: client.fetch_entity("segment", one),
    ),
    "Adding a customers segment": Method(
        verb="POST",
        path=SEGMENTS,
        statuses=CHANGED,
        call=lambda client, _, body: client.writes.call("POST", "segments", None, body),
        example="segment_add",
    ),
    "Updating a customers segment": Method(
        verb="PATCH",
        path=SEGMENTS + "/{id}",
        statuses=CHANGED,
        call=lambda client, one, body: client.writes.call("PATCH", "segments", one, body),
        example="segment_update",
    ),
    "Deleting a customers segment": Method(
        verb="DELETE",
        path=SEGMENTS + "/{id}",
        statuses=DELETED,
        call=lambda client, one, _: client.writes.call("DELETE", "segments", one, None),
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
def documented_account(account: ClientAccount) -> ClientAccount:
    """The account, with the two fields that the page's examples fill."""
    fields = account.emulator.world.account(account.account_id).fields
    fields[245035] = Field(id=245035, name="Segment description", type="text")
    label = Option(id=387477, value="multiselect field value", sort=1)
    fields[245351] = Field(id=245351, name="multiselect field", type="multiselect", options={label.id: label})
    return account


def current_entities(account: ClientAccount) -> tuple[Json, Json]:
    """Stages and segments as they are now."""
    world = account.emulator.world
    return world.shown_stages(account.account_id), world.shown_segments(account.account_id)


def entity_for(account: ClientAccount, method: Method) -> int:
    """The id of a thing that the method can be about."""
    if not method.is_about_stages:
        return account.segment_ids[0]
    account.emulator.world.switch_mode(account.account_id, "periodicity")
    return account.emulator.world.add_stage(account.account_id, "Stage", sort=5)


def example_body(method: Method) -> Json:
    """What the page's own example sends."""
    return method.example and json.loads((PAYLOADS / method.example / "request.json").read_text(encoding="utf-8"))


@dataclass(kw_only=True)
class MethodCall:
    """One call of a method, and what has to be so for the answer to have a certain status."""

    account: ClientAccount
    method: Method
    status: int

    def __post_init__(self) -> None:
        self.thing_id = entity_for(self.account, self.method)
        self.body = example_body(self.method)
        self.token = self.account.token
        self.result: object = None
        self.error: ApiError | None = None
        self._arrange()

    def _arrange(self) -> None:
        account, world, is_about_stages = self.account, self.account.emulator.world, self.method.is_about_stages
        match self.status:
            case 400 if self.method.example:
                (self.body[0] if isinstance(self.body, list) else self.body)["color"] = "none of the palette"
            case 400 if is_about_stages:
                self.thing_id = next(one["id"] for one in world.shown_stages(account.account_id) if one["is_default"])
            case 400:
                account.emulator.faults.add(effects.error(400, "This segment stays"))
            case 401:
                self.token = account.emulator.long_lived_token(account.account_id, START - timedelta(days=1))
            case 403:
                self.token = account.emulator.long_lived_token(account.account_id, is_admin=False)
            case 422 if self.method.is_write:
                while len(world.shown_stages(account.account_id)) < 30:
                    world.add_stage(account.account_id, "One of many")
            case 422:
                world.switch_mode(account.account_id, "segments" if is_about_stages else "periodicity")

    @property
    def path(self) -> str:
        return self.method.path.format(id=self.thing_id)

    def make(self) -> None:
        with self.account.client(token=lambda: self.token) as client:
            try:
                self.result = self.method.call(client, self.thing_id, self.body)
            except ApiError as error:
                self.error = error


@pytest.mark.parametrize(("method", "status"), CASES)
def test_each_method_with_each_status(documented_account: ClientAccount, method: Method, status: int) -> None:
    one = MethodCall(account=documented_account, method=method, status=status)
    before = current_entities(one.account)
    one.make()
    check_request(one)
    if status < 400:
        assert one.error is None
        assert one.result is not None
    else:
        check_error(one)
        if not one.account.emulator.faults.active:  # which change answers only
            assert current_entities(one.account) == before
    if method.is_write:
        check_attempt(one)


def check_request(one: MethodCall) -> None:
    """It came once, as the page has it."""
    [request] = one.account.emulator.requests
    is_list = one.method.path in (STAGES, SEGMENTS) and not one.method.is_write
    assert (request.method, request.path) == (one.method.verb, one.path)
    assert request.query == ({"page": "1", "limit": "250"} if is_list else {})
    assert request.headers["authorization"] == f"Bearer {one.token}"
    assert {"application/hal+json", "application/problem+json"} <= set(request.headers["accept"].split(", "))
    assert request.headers.get("content-type") == ("application/json" if one.method.is_write else None)
    assert (json.loads(request.body) if request.body else None) == one.body


def check_error(one: MethodCall) -> None:
    """The error is of its kind and says what the answer says."""
    assert one.error is not None
    assert type(one.error) is ERRORS[one.status, one.method.is_write]
    assert one.error.status == one.status
    assert one.error.request is not None
    assert one.error.request.startswith(f"{one.method.verb} {one.path}")
    assert one.error.request_id
    if one.status == 400 and one.method.example:
        assert "color: The value you selected is not a valid choice. (NotSupportedChoice)" in one.error.message


def check_attempt(one: MethodCall) -> None:
    """What a record of the write needs is there, whatever became of it."""
    attempt = one.error.attempt if one.error else one.result.attempt if isinstance(one.result, WriteResult) else None
    assert attempt is not None
    assert attempt.response is not None
    assert str(attempt.request) == f"{one.method.verb} {one.path}"
    assert (attempt.request.body or b"") == one.account.emulator.requests[0].body
    assert attempt.response.status == one.status
    expected = {200: "application/hal+json", 204: None}
    assert attempt.response.content_type == expected.get(one.status, "application/problem+json")
    assert attempt.response.request_id
    assert attempt.sent_at <= attempt.finished_at


def links(written: WriteResult) -> list[str]:
    """Paths of the links to what was added or changed, hosts aside."""
    assert written.attempt.response is not None
    document = json.loads(written.attempt.response.body)
    rows = document["_embedded"]["statuses"] if "_embedded" in document else [document]
    return [urlsplit(row["_links"]["self"]["href"]).path for row in rows]


def test_what_was_added_and_changed_is_there_under_its_link(documented_account: ClientAccount) -> None:
    with documented_account.client() as client:
        added = client.writes.call("POST", "segments", None, example_body(METHODS["Adding a customers segment"]))
        [segment_id] = added.ids
        row = client.fetch_entity("segment", segment_id)
        assert links(added) == [f"{SEGMENTS}/{segment_id}"]
        assert row is not None
        assert (row["name"], row["color"]) == ("Example segment", "ae003f")
        assert [one["values"] for one in row["custom_fields_values"]] == [
            [{"value": "This is an example segment"}],
            [{"value": "multiselect field value", "enum_id": 387477}],
        ]
        changed = client.writes.call(
            "PATCH", "segments", segment_id, example_body(METHODS["Updating a customers segment"])
        )
        assert (changed.ids, links(changed)) == ((segment_id,), [f"{SEGMENTS}/{segment_id}"])
        row = client.fetch_entity("segment", segment_id)
        assert row is not None
        assert row["name"] == "New segment name"
        assert client.writes.call("DELETE", "segments", segment_id, None).ids == (segment_id,)
        assert client.fetch_entity("segment", segment_id) is None


def test_added_stages_are_matched_by_request_id(documented_account: ClientAccount) -> None:
    documented_account.emulator.world.switch_mode(documented_account.account_id, "periodicity")
    reverse = effects.payload(
        lambda document: document | {"_embedded": {"statuses": document["_embedded"]["statuses"][::-1]}}
    )
    documented_account.emulator.faults.add(reverse, method="POST")
    with documented_account.client() as client:
        for stages in (
            example_body(METHODS["Adding stages into the customers pipeline"]),
            [{"name": "Third", "sort": 3, "request_id": "c"}, {"name": "Fourth", "sort": 4, "request_id": "d"}],
            [{"name": "Fifth", "sort": 5, "request_id": "x"}, {"name": "Sixth", "sort": 6}],
        ):
            added = client.writes.call("POST", "stages", None, stages)
            rows = [client.fetch_entity("stage", stage_id) for stage_id in added.ids]
            assert [row and row["name"] for row in rows] == [stage["name"] for stage in stages]
            assert sorted(links(added)) == [f"{STAGES}/{stage_id}" for stage_id in sorted(added.ids)]
        [stage_id] = client.writes.call("PATCH", "stages", added.ids[0], {"sort": 50}).ids
        row = client.fetch_entity("stage", stage_id)
        assert row is not None
        assert (row["sort"], row["name"], "request_id" in row) == (50, "Fifth", False)
        client.writes.call("DELETE", "stages", stage_id, None)
        assert client.fetch_entity("stage", stage_id) is None
