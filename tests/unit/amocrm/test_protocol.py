"""Meaning of each status and body, for each resource."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipelines.amocrm.messages import Request, Response, account_request, entity_request, list_request
from pipelines.amocrm.protocol import (
    Document,
    Failed,
    Interpretation,
    NoContent,
    Retry,
    interpret,
    malformed_response,
    no_response,
)
from pipelines.base.errors import (
    ApiError,
    Blocked,
    Forbidden,
    InvalidRequest,
    MalformedAnswer,
    ModeDisagreement,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)

ACCOUNT = account_request()
LIST = list_request("segments", 1)
THING = entity_request("segment", 51)
WRITE = Request(resource="segment", path="/api/v4/customers/segments/51", thing_id=51, method="PATCH", body=b"{}")
HTML = b"<html><body>nginx</body></html>"


def response(
    status: int, body: bytes = b"", content_type: str = "application/problem+json", **headers: str
) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers={"content-type": content_type} | named, body=body)


def error_of(outcome: Interpretation) -> ApiError:
    assert isinstance(outcome, Retry | Failed)
    return outcome.error


def test_requests_are_those_of_the_page() -> None:
    assert str(ACCOUNT) == "GET /api/v4/account?with=datetime_settings"
    assert str(list_request("stages", 1)) == "GET /api/v4/customers/statuses?page=1&limit=250"
    assert str(list_request("segments", 2)) == "GET /api/v4/customers/segments?page=2&limit=250"
    assert str(list_request("fields", 3)) == "GET /api/v4/customers/segments/custom_fields?page=3&limit=250"
    assert str(entity_request("stage", 7)) == "GET /api/v4/customers/statuses/7"
    assert str(entity_request("segment", 7)) == "GET /api/v4/customers/segments/7"


def test_the_id_of_a_customer_is_not_shown() -> None:
    request = entity_request("customer", 1299251)
    assert request.path == "/api/v4/customers/1299251"
    assert str(request) == "GET /api/v4/customers/{id}"
    assert str(Request(resource="account", path=request.path)) == str(request), "a probe's"
    assert str(list_request("customers", 2)) == "GET /api/v4/customers?page=2&limit=250"


@pytest.mark.parametrize(
    "request_", [entity_request("customer", 1), list_request("customers", 1), list_request("events", 1)], ids=str
)
@pytest.mark.parametrize("status", [400, 401, 402, 403, 422, 429, 500])
def test_errors_about_customers_quote_no_text(status: int, request_: Request) -> None:
    def message(detail: str) -> str:
        errors = [{"errors": [{"code": detail, "path": detail, "detail": detail}]}]
        body = json.dumps({"title": detail, "detail": detail, "validation-errors": errors})
        return error_of(interpret(response(status, body.encode()), request_)).message

    assert "Smith" not in message("Mrs Smith")
    body = json.dumps({"detail": "Error 426."}).encode()
    assert "Error 426" in error_of(interpret(response(status, body), request_)).message
    assert str(entity_request("field", 7)) == "GET /api/v4/customers/segments/custom_fields/7"


def test_a_success_is_its_document(payload: Callable[[str], bytes]) -> None:
    body = payload("segments_list/200.json")
    assert interpret(response(200, body), LIST) == Document(value=json.loads(body))


@pytest.mark.parametrize("request_", [LIST, THING])
def test_204_is_nothing(request_: Request) -> None:
    assert interpret(response(204), request_) == NoContent()


def test_204_about_the_account_means_nothing_here() -> None:
    assert isinstance(interpret(response(204), ACCOUNT), Failed)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"status": 404, "detail": "Segment not found"}', "application/problem+json"),
        (b'{"status": 404}', "Application/Problem+JSON; charset=UTF-8"),
        (b'{"title": "Not Found"}', "application/problem+json; charset=utf-8"),
        (b"{}", "application/json"),
    ],
)
def test_a_404_of_the_api_means_deleted(body: bytes, content_type: str) -> None:
    assert interpret(response(404, body, content_type), THING) == NoContent()


@pytest.mark.parametrize(
    ("request_", "body", "content_type"),
    [
        (THING, HTML, "text/html"),
        (THING, b"", "application/problem+json"),
        (THING, b'{"status": 404}', "text/html"),
        (THING, b'{"status": 403}', "application/problem+json"),
        (THING, b'{"status": 404', "application/problem+json"),
        (THING, b"[]", "application/problem+json"),
        (LIST, b'{"status": 404}', "application/problem+json"),
        (ACCOUNT, b'{"status": 404}', "application/problem+json"),
    ],
)
def test_any_other_404_is_a_wrong_host_and_never_an_absence(request_: Request, body: bytes, content_type: str) -> None:
    outcome = interpret(response(404, body, content_type), request_)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, NotFound)


@pytest.mark.parametrize("status", [204, 404])
def test_a_damaged_answer_proves_no_absence(status: int) -> None:
    cut = Response(status=status, headers={"content-type": "application/json"}, body=b"{}", defect="cut short")
    assert isinstance(error_of(interpret(cut, THING)), MalformedAnswer)
    assert isinstance(error_of(interpret(replace(cut, is_interrupted=True), THING)), Unavailable)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (402, Forbidden),
        (403, Forbidden),
        (422, ModeDisagreement),
        (301, NotFound),
        (302, NotFound),
        (307, NotFound),
        (405, ApiError),
        (418, ApiError),
        (201, ApiError),
        (206, ApiError),
    ],
)
@pytest.mark.parametrize("request_", [ACCOUNT, LIST, THING])
def test_what_would_not_help_to_ask_again(status: int, kind: type[ApiError], request_: Request) -> None:
    outcome = interpret(response(status, b'{"detail": "No."}'), request_)
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is kind


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (401, "token", Unauthorized),
        (408, "transient error", Unavailable),
        (429, "rate limit", RateLimited),
        (500, "transient error", Unavailable),
        (502, "transient error", Unavailable),
        (503, "transient error", Unavailable),
        (504, "transient error", Unavailable),
        (599, "transient error", Unavailable),
    ],
)
@pytest.mark.parametrize("body", [b"", HTML, b'{"detail": "No."}', b'{"detail":'])
@pytest.mark.parametrize("request_", [ACCOUNT, LIST, THING])
def test_what_may_succeed_later(status: int, reason: str, kind: type[ApiError], body: bytes, request_: Request) -> None:
    outcome = interpret(response(status, body), request_)
    assert isinstance(outcome, Retry)
    assert outcome.reason == reason
    assert type(outcome.error) is kind


@pytest.mark.parametrize("body", [HTML, b"", b"Forbidden", b"[]", b'{"status": 403'])
def test_403_without_a_json_object_is_a_block(body: bytes) -> None:
    assert isinstance(error_of(interpret(response(403, body, "application/problem+json"), LIST)), Blocked)


@pytest.mark.parametrize("body", [b"", HTML, b'{"a": 1,}', b"\xff", b"\xef\xbb\xbf{}", b"NaN"])
def test_a_success_that_is_not_json_may_be_right_the_next_time(body: bytes) -> None:
    outcome = interpret(response(200, body), LIST)
    assert isinstance(outcome, Retry)
    assert outcome.reason == "malformed body"
    assert isinstance(outcome.error, MalformedAnswer)


def test_a_damaged_body_is_never_read_though_it_may_look_whole() -> None:
    cut = Response(status=200, headers={}, body=b"[]", defect="the body is cut short")
    lost = Response(status=200, headers={}, body=b"[]", defect="the host stopped responding", is_interrupted=True)
    assert isinstance(error_of(interpret(cut, LIST)), MalformedAnswer)
    assert isinstance(error_of(interpret(lost, LIST)), Unavailable)


def test_the_status_counts_though_the_body_is_damaged() -> None:
    lost = Response(status=429, headers={}, body=b"", defect="the host stopped responding", is_interrupted=True)
    assert isinstance(error_of(interpret(lost, LIST)), RateLimited)


def test_no_answer_is_tried_again_unless_it_would_be_the_same() -> None:
    assert isinstance(no_response(LIST, "the host refuses connections", is_transient=True), Retry)
    assert isinstance(no_response(LIST, "the host's certificate is not trusted", is_transient=False), Failed)


def test_422_of_a_write_is_about_what_was_written() -> None:
    assert isinstance(error_of(interpret(response(422, b"{}"), WRITE)), InvalidRequest)


def test_only_reading_may_be_repeated() -> None:
    assert all(request.is_read for request in (ACCOUNT, LIST, THING))
    assert not WRITE.is_read


def test_an_error_names_the_request_and_the_vendors_request_id(payload: Callable[[str], bytes]) -> None:
    outcome = interpret(response(400, payload("errors/400.json"), x_request_id="a1b2"), LIST)
    error = error_of(outcome)
    assert error.status == 400
    assert str(error) == (
        "amoCRM answered 400 Bad Request: Request validation failed; "
        "color: The value you selected is not a valid choice. (NotSupportedChoice). "
        "Nothing stored was changed; the next load tries again. "
        "(GET /api/v4/customers/segments?page=1&limit=250, X-Request-Id a1b2)"
    )


def test_a_429_gives_the_time_to_wait(payload: Callable[[str], bytes]) -> None:
    outcome = interpret(response(429, payload("errors/429.json")), LIST)
    assert isinstance(outcome, Retry)
    assert outcome.wait == 300
    assert "asking to wait 300 seconds" in outcome.error.message


@pytest.mark.parametrize("hostile", ["a\x1b[31mb", "a\r\nSet-Cookie: x", "é", ""])
def test_a_request_id_that_cannot_be_printed_is_left_out(hostile: str) -> None:
    assert response(500, x_request_id=hostile).request_id is None


def test_a_request_id_is_bounded() -> None:
    assert response(500, x_request_id="x" * 10_000).request_id == "x" * 100


def test_a_body_never_shows_in_a_representation() -> None:
    assert "canary" not in repr(response(200, b"canary"))
    assert "canary" not in repr(Request(resource="segment", path="/", method="POST", body=b"canary"))


def test_malformed_says_why() -> None:
    assert malformed_response(response(200), LIST, "the list is not an object").error.message == (
        "amoCRM's response cannot be used: the list is not an object."
    )


def test_a_busy_server_may_say_how_long_to_wait() -> None:
    outcome = interpret(response(503, retry_after="7"), LIST)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.wait) == ("transient error", 7)


@pytest.mark.parametrize("status", [300, 301, 399])
def test_a_redirect_is_refused_and_named(status: int) -> None:
    error = error_of(interpret(response(status), LIST))
    assert isinstance(error, NotFound)
    assert "redirects are not followed" in error.message


def test_a_block_and_an_unknown_status_are_explained() -> None:
    assert "without JSON, so this address is blocked" in error_of(interpret(response(403, HTML), LIST)).message
    assert error_of(interpret(response(418), LIST)).message.endswith(": which is not expected here.")
    assert error_of(interpret(response(599), LIST)).message == "amoCRM answered 599."


@pytest.mark.parametrize(
    "failed",
    [
        replace(response(200, x_request_id="a1b2"), defect="the body is cut short", is_interrupted=True),
        replace(response(200, x_request_id="a1b2"), defect="the body's gzip is broken"),
        response(200, b"{", x_request_id="a1b2"),
        response(503, x_request_id="a1b2"),
    ],
    ids=["interrupted", "damaged", "no JSON", "unavailable"],
)
@pytest.mark.parametrize("request_", [LIST, WRITE], ids=["read", "write"])
def test_every_error_carries_its_request_status_and_request_id(failed: Response, request_: Request) -> None:
    error = error_of(interpret(failed, request_))
    assert (error.request, error.status, error.request_id) == (str(request_), failed.status, "a1b2")
    assert failed.defect is None or failed.defect in error.message


@pytest.mark.parametrize("request_", [LIST, WRITE], ids=["read", "write"])
def test_a_missing_answer_names_its_request(request_: Request) -> None:
    lost = no_response(request_, "the host reset the connection", is_transient=True)
    assert lost.error.request == str(request_)
    assert not isinstance(lost, Retry) or lost.reason == "transient error"
