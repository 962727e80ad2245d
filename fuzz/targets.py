"""Fuzz targets: functions of bytes that raise only if a promise of a parser is broken.

They do not depend on the fuzzer, so tests call them too, with input that it once found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import simplejson

from pipelines.amocrm import strict_json
from pipelines.amocrm.body_decoder import BodyDecoder
from pipelines.amocrm.messages import (
    LIST_PATHS,
    Request,
    Response,
    account_request,
    entity_request,
    list_request,
    write_request,
)
from pipelines.amocrm.models import Json, RawResponse, Resource
from pipelines.amocrm.protocol import Document, Failed, NoContent, Retry, interpret
from pipelines.amocrm.sanitize import fits_numeric
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.errors import ApiError
from pipelines.transform.diff import StoredState, diff_snapshot
from pipelines.transform.frames import changed_relations
from pipelines.warehouse.bulk_copy import JSON_COLUMNS, format_frame

PAYLOADS: Final = Path(__file__).parents[1] / "tests" / "payloads"
AT: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
LIMIT: Final = 1_000_000

REQUESTS: Final = (
    account_request(),
    list_request("segments", 1),
    list_request("stages", 2),
    entity_request("segment", 51),
    write_request("POST", "stages", None, [{"name": "x"}]),
    write_request("DELETE", "segments", 51, None),
)
STATUSES: Final = (200, 204, 301, 400, 401, 402, 403, 404, 405, 408, 409, 422, 429, 500, 503, 504)
TYPES: Final = ("application/hal+json", "application/problem+json", "text/html", "")

ACCOUNTS: Final[Mapping[str, Json]] = {
    mode: {
        "id": 28805383,
        "name": "Example",
        "subdomain": "example",
        "country": "RU",
        "currency": "RUB",
        "customers_mode": mode,
        "_embedded": {"datetime_settings": {"timezone": "Asia/Kathmandu"}},
    }
    for mode in ("segments", "periodicity")
}
EMPTY: Final[Json] = {
    "_page": 1,
    "_page_count": 1,
    "_total_items": 0,
    "_links": {},
    "_embedded": {"custom_fields": [], "segments": []},
}


def an_answer_means_one_thing(data: bytes) -> None:
    """Any status with any headers and any body means a document, nothing, to try again, or a refusal; never a crash."""
    if len(data) < 4:
        return
    request: Request = REQUESTS[data[0] % len(REQUESTS)]
    response = Response(
        status=STATUSES[data[1] % len(STATUSES)],
        headers={
            "content-type": TYPES[data[2] % len(TYPES)],
            "retry-after": data[4:12].decode("latin-1"),
            "x-request-id": "1",
        },
        body=data[4:],
        defect="the body's gzip is cut short" if data[3] % 8 == 0 else None,
        is_interrupted=data[3] % 16 == 0,
    )
    match interpret(response, request):
        case Document():
            assert response.status == 200
            assert not response.defect
            json.loads(response.body)
        case NoContent():
            assert response.status in (204, 404)
            assert not response.defect
        case Retry(error=error, wait=wait):
            assert request.is_read or response.status in (401, 429)
            assert wait is None or wait >= 0
            str(error)
        case Failed(error=error):
            assert isinstance(error, ApiError)
            str(error)


def json_is_what_others_read(data: bytes) -> None:
    """Compare accepted JSON with what the standard library reads: the same values, every digit."""
    try:
        value = strict_json.parse(data)
    except strict_json.NotStrictJson:
        return
    assert value == json.loads(data, parse_float=Decimal, parse_int=value_of_integer)
    assert strict_json.parse(simplejson.dumps(value, use_decimal=True).encode()) == value


def value_of_integer(digits: str) -> int | Decimal:
    """As the standard library reads it, which refuses integers beyond some length."""
    return int(digits) if len(digits) <= 640 else Decimal(digits)


def a_body_is_bounded(data: bytes) -> None:
    """Gzip of any kind, cut anywhere, grows to no more than its bound, and ends with a body or a defect."""
    if not data:
        return
    decoder = BodyDecoder(("gzip", "", "deflate")[data[0] % 3], LIMIT)
    for begin in range(1, len(data), 64):
        if decoder.defect:
            break
        decoder.feed(data[begin : begin + 64])
    decoder.finish()
    assert len(decoder.body) <= LIMIT


def a_list_is_stored_or_refused(data: bytes) -> None:
    """Any list that is JSON makes a snapshot that Postgres can store, or an error of ours."""
    if not data:
        return
    resource: Resource = ("segments", "fields", "stages")[data[0] % 3]
    mode = "periodicity" if resource == "stages" else "segments"
    bodies: dict[Resource, bytes] = {"account": json.dumps(ACCOUNTS[mode]).encode()}
    lists: tuple[Resource, ...] = ("stages",) if mode == "periodicity" else ("segments", "fields")
    for one in lists:
        bodies[one] = data[1:] if one == resource else json.dumps(EMPTY).encode()
    responses = [raw_answer(sequence, one, body) for sequence, (one, body) in enumerate(bodies.items())]
    try:
        snapshot = parse_snapshot(responses, AT)
    except ApiError as error:
        str(error)
        return
    assert parse_snapshot(responses, AT) == snapshot
    decision = diff_snapshot(StoredState(), snapshot, observed_date=AT.date())
    for relation, frame in changed_relations(snapshot.account.id, AT, decision).items():
        for column, values in frame.items():
            for value in values.dropna().tolist():
                (assert_storable_json if column in JSON_COLUMNS else assert_storable)(value)
        lines = format_frame(frame).encode().splitlines()
        assert [line.count(b"\t") for line in lines] == [len(relation.columns) - 1] * len(frame)


def raw_answer(sequence: int, resource: Resource, body: bytes) -> RawResponse:
    """An accepted answer."""
    is_list = resource in LIST_PATHS
    return RawResponse(
        sequence=sequence,
        resource=resource,
        page=1 if is_list else None,
        pass_number=1 if is_list else None,
        is_accepted=True,
        path="/",
        status=200,
        content_type="application/hal+json",
        request_id=None,
        received_at=AT,
        body=body,
        body_hash=hashlib.sha256(body).digest(),
    )


def assert_storable(value: Any) -> None:
    """Fail unless Postgres can store the value: no NUL, no lone surrogate, integers within ``bigint``."""
    match value:
        case None | bool() | datetime() | date() | Decimal() | bytes():
            pass
        case int():
            assert -(2**63) <= value < 2**63
        case str():
            assert "\x00" not in value
            value.encode()
        case _:
            raise AssertionError(f"nothing that Postgres is sent is a {type(value).__name__}")


def assert_storable_json(value: Json) -> None:
    """The same of what goes into ``jsonb``, where numbers have no bound but ``numeric``'s."""
    match value:
        case dict():
            for key, one in value.items():
                assert_storable(key)
                assert_storable_json(one)
        case list() | tuple():
            for one in value:
                assert_storable_json(one)
        case int() | Decimal() if not isinstance(value, bool):
            assert fits_numeric(Decimal(value))
        case _:
            assert_storable(value)


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        an_answer_means_one_thing,
        json_is_what_others_read,
        a_body_is_bounded,
        a_list_is_stored_or_refused,
    )
}


def seeds(name: str) -> Iterator[bytes]:
    """Where fuzzing begins: the payloads of the vendor's pages, with the bytes in front that the target reads first."""
    bodies = [file.read_bytes() for file in sorted(PAYLOADS.rglob("*.json"))]
    match name:
        case "json-is-what-others-read":
            yield from bodies
        case "a-list-is-stored-or-refused":
            for number, listed in enumerate(("segments_list", "fields_list", "stages_list")):
                yield bytes([number]) + (PAYLOADS / listed / "200.json").read_bytes()
        case _:
            for number, body in enumerate(bodies):
                yield bytes([number % 6, number, 0, 1]) + body
