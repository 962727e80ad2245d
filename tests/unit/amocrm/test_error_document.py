"""Error documents: messages and requested waits."""

from __future__ import annotations

import json

import pytest

from pipelines.amocrm.error_document import describe_error_document, parse_error_document, retry_after_seconds
from pipelines.amocrm.messages import Response
from pipelines.amocrm.models import Json

YEAR = 31_536_000
DATE = "Sun, 22 Nov 2026 09:00:00 GMT"


def response(body: Json = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=429, headers=named, body=b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (response({"retry_after": 300}), 300),
        (response({"retry_after": "300"}), 300),
        (response({"retry_after": 1.5}), 1.5),
        (response(retry_after="7"), 7),
        (response({"retry_after": 3}, retry_after="7"), 7),
        (response({"retry_after": 9}, retry_after="7"), 9),
        (response({"retry_after": -1}, retry_after="7"), 7),
        (response(retry_after="Sun, 22 Nov 2026 09:00:30 GMT", date=DATE), 30),
        (response({"retry_after": 10**30}), YEAR),
        (response(retry_after="9" * 5_000), YEAR),
        (Response(status=429, headers={}, body=b'{"retry_after": 1e400}'), YEAR),
        (Response(status=429, headers={}, body=b'{"retry_after": ' + b"9" * 5_000 + b"}"), YEAR),
    ],
)
def test_the_wait_is_in_the_body_or_in_the_header(asked: Response, seconds: float) -> None:
    assert retry_after_seconds(asked) == seconds


@pytest.mark.parametrize(
    "asked",
    [
        response(),
        response({}),
        response([300]),
        response({"retry_after": None}),
        response({"retry_after": True}),
        response({"retry_after": 0}),
        response({"retry_after": -5}),
        response({"retry_after": "soon"}),
        response({"retry_after": "nan"}),
        response({"retry_after": "infinity"}),
        response({"retry_after": [1]}),
        response(retry_after="-5"),
        response(retry_after=""),
        response(retry_after="tomorrow", date=DATE),
        response(retry_after="Sun, 22 Nov 2026 08:00:00 GMT", date=DATE),
        response(retry_after=DATE),
        response(retry_after="Sun, 22 Nov 2026 09:00:30 GMT", date="long ago"),
        response(retry_after="Sun, 22 Nov 2026 09:00:30", date=DATE),
        response(retry_after="Sun, 99 Nov 2026 09:00:30 GMT", date=DATE),
        Response(status=429, headers={}, body=b"<html>slow down</html>"),
        Response(status=429, headers={}, body=b'{"retry_after": 5}', defect="the body is cut short"),
    ],
)
def test_nonsense_asks_for_no_wait(asked: Response) -> None:
    assert retry_after_seconds(asked) is None


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (None, ""),
        ({}, ""),
        ({"title": "Forbidden"}, "Forbidden"),
        ({"title": "Forbidden", "detail": "No rights."}, "No rights"),
        ({"detail": {"an": "object"}}, ""),
        ({"detail": "a\x1b[31m\nb\u202e"}, "a [31m b"),
        ({"detail": "x" * 10_000}, "x" * 500),
        ({"detail": "d", "validation-errors": "none"}, "d"),
        ({"detail": "d", "validation-errors": [None, {"errors": None}, {"errors": [1]}]}, "d"),
        (
            {"validation-errors": [{"errors": [{"code": "C", "path": "p", "detail": "wrong"}, {"path": "q"}]}]},
            "p: wrong (C); q: None (None)",
        ),
    ],
)
def test_what_a_problem_says_is_one_safe_line(problem: Json, line: str) -> None:
    assert describe_error_document(problem) == line


def test_only_an_object_is_a_problem() -> None:
    assert parse_error_document(response({"status": 429})) == {"status": 429}
    assert parse_error_document(response([])) is None
    assert parse_error_document(Response(status=403, headers={}, body=b"<html>")) is None
