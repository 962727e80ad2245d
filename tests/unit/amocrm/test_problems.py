"""What refusals say, and how long they ask to wait."""

from __future__ import annotations

import json

import pytest

from pipelines.amocrm.messages import Answer
from pipelines.amocrm.problems import describe, read_problem, wait_seconds
from pipelines.amocrm.records import Json

YEAR = 31_536_000
DATE = "Sun, 22 Nov 2026 09:00:00 GMT"


def answer(body: Json = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=429, headers=named, body=b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (answer({"retry_after": 300}), 300),
        (answer({"retry_after": "300"}), 300),
        (answer({"retry_after": 1.5}), 1.5),
        (answer(retry_after="7"), 7),
        (answer({"retry_after": 3}, retry_after="7"), 7),
        (answer({"retry_after": 9}, retry_after="7"), 9),
        (answer({"retry_after": -1}, retry_after="7"), 7),
        (answer(retry_after="Sun, 22 Nov 2026 09:00:30 GMT", date=DATE), 30),
        (answer({"retry_after": 10**30}), YEAR),
        (answer(retry_after="9" * 5_000), YEAR),
        (Answer(status=429, headers={}, body=b'{"retry_after": 1e400}'), YEAR),
        (Answer(status=429, headers={}, body=b'{"retry_after": ' + b"9" * 5_000 + b"}"), YEAR),
    ],
)
def test_the_wait_is_in_the_body_or_in_the_header(asked: Answer, seconds: float) -> None:
    assert wait_seconds(asked) == seconds


@pytest.mark.parametrize(
    "asked",
    [
        answer(),
        answer({}),
        answer([300]),
        answer({"retry_after": None}),
        answer({"retry_after": True}),
        answer({"retry_after": 0}),
        answer({"retry_after": -5}),
        answer({"retry_after": "soon"}),
        answer({"retry_after": "nan"}),
        answer({"retry_after": "infinity"}),
        answer({"retry_after": [1]}),
        answer(retry_after="-5"),
        answer(retry_after=""),
        answer(retry_after="tomorrow", date=DATE),
        answer(retry_after="Sun, 22 Nov 2026 08:00:00 GMT", date=DATE),
        answer(retry_after=DATE),
        answer(retry_after="Sun, 22 Nov 2026 09:00:30 GMT", date="long ago"),
        answer(retry_after="Sun, 22 Nov 2026 09:00:30", date=DATE),
        answer(retry_after="Sun, 99 Nov 2026 09:00:30 GMT", date=DATE),
        Answer(status=429, headers={}, body=b"<html>slow down</html>"),
        Answer(status=429, headers={}, body=b'{"retry_after": 5}', defect="the body is cut short"),
    ],
)
def test_nonsense_asks_for_no_wait(asked: Answer) -> None:
    assert wait_seconds(asked) is None


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
    assert describe(problem) == line


def test_only_an_object_is_a_problem() -> None:
    assert read_problem(answer({"status": 429})) == {"status": 429}
    assert read_problem(answer([])) is None
    assert read_problem(Answer(status=403, headers={}, body=b"<html>")) is None
