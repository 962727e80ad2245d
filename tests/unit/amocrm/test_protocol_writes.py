"""Meaning of each status after a write: done, refused or uncertain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amocrm.messages import Request, Response, Writable, WriteMethod, write_request
from pipelines.amocrm.protocol import Document, Failed, NoContent, Retry, interpret, malformed_response, no_response
from pipelines.base.errors import (
    ApiError,
    Blocked,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    UncertainWrite,
)

ADD = write_request("POST", "segments", None, {"name": "VIP"})
CHANGE = write_request("PATCH", "segments", 51, {"name": "VIP"})
DELETE = write_request("DELETE", "segments", 51, None)
WRITES = [ADD, CHANGE, DELETE]

CERTAIN: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    402: Forbidden,
    403: Forbidden,
    404: NotFound,
    422: InvalidRequest,
    429: RateLimited,
}


def response(status: int, body: bytes = b"{}", defect: str | None = None) -> Response:
    return Response(status=status, headers={"content-type": "application/problem+json"}, body=body, defect=defect)


@pytest.mark.parametrize(
    ("method", "resource", "thing_id", "body", "expected"),
    [
        (
            "POST",
            "stages",
            None,
            [{"name": "A", "sort": 1}],
            ("POST /api/v4/customers/statuses", b'[{"name": "A", "sort": 1}]'),
        ),
        ("PATCH", "stages", 7, {"sort": 1}, ("PATCH /api/v4/customers/statuses/7", b'{"sort": 1}')),
        ("DELETE", "stages", 7, None, ("DELETE /api/v4/customers/statuses/7", None)),
        ("POST", "segments", None, {"name": "\u2615"}, ("POST /api/v4/customers/segments", b'{"name": "\\u2615"}')),
        ("PATCH", "segments", 7, {"color": "ae003f"}, ("PATCH /api/v4/customers/segments/7", b'{"color": "ae003f"}')),
        ("DELETE", "segments", 7, None, ("DELETE /api/v4/customers/segments/7", None)),
    ],
)
def test_requests_are_those_of_the_page(
    method: WriteMethod, resource: Writable, thing_id: int | None, body: object, expected: tuple[str, bytes | None]
) -> None:
    request = write_request(method, resource, thing_id, body)
    assert (str(request), request.body) == expected
    assert not request.is_read
    assert "name" not in repr(request)


def test_a_success_is_one_with_proof_and_nothing_else(payload: Callable[[str], bytes]) -> None:
    for status in (200, 201, 202):
        assert isinstance(interpret(response(status, payload("segment_add/200.json")), ADD), Document)
    assert interpret(response(204, b""), DELETE) == NoContent()
    for request, status in [(ADD, 204), (CHANGE, 204), (DELETE, 200), (DELETE, 202), (ADD, 206)]:
        outcome = interpret(response(status), request)
        assert isinstance(outcome, Failed)
        assert type(outcome.error) is UncertainWrite


@given(
    status=st.integers(100, 599), body=st.sampled_from([b"", b"{}", b"[]", b"<html>"]), request_=st.sampled_from(WRITES)
)
def test_no_write_is_sent_again_but_after_401_and_429(status: int, body: bytes, request_: Request) -> None:
    outcome = interpret(response(status, body), request_)
    assert isinstance(outcome, Retry) == (status in (401, 429))
    if isinstance(outcome, Retry):
        assert outcome.reason in ("token", "rate limit")
    if isinstance(outcome, Failed) and (status == 408 or status >= 500):
        assert type(outcome.error) is UncertainWrite


@pytest.mark.parametrize(("status", "kind"), CERTAIN.items())
@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
def test_what_certainly_did_not_happen(status: int, kind: type[ApiError], request_: Request) -> None:
    outcome = interpret(response(status, b'{"detail": "No."}'), request_)
    assert isinstance(outcome, Retry | Failed)
    assert type(outcome.error) is kind
    if status != 401:
        assert outcome.error.advice.startswith("This call changed nothing.")


def test_a_block_of_the_address_is_one_for_writes_too() -> None:
    outcome = interpret(response(403, b"<html>"), ADD)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Blocked)


@pytest.mark.parametrize("status", [200, 204, 404])
def test_a_damaged_answer_leaves_it_open(status: int) -> None:
    outcome = interpret(response(status, defect="the body is cut short"), CHANGE)
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is UncertainWrite


def test_a_lost_answer_leaves_it_open_unless_the_request_never_left() -> None:
    lost = no_response(ADD, "the host reset the connection", is_transient=True)
    assert isinstance(lost, Failed)
    assert lost.error.message == "The outcome of the write is unknown. No response: the host reset the connection."
    assert type(lost.error) is UncertainWrite
    assert isinstance(no_response(ADD, "the host refuses connections", is_transient=True, is_sent=False), Retry)
    never = no_response(ADD, "the host's certificate is not trusted", is_transient=False, is_sent=False)
    assert isinstance(never, Failed)
    assert type(never.error) is Unavailable


def test_an_answer_that_is_about_something_else_leaves_it_open() -> None:
    outcome = malformed_response(response(200), CHANGE, "another segment was returned than was changed")
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is UncertainWrite
