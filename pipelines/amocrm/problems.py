"""What an answer that refuses says: its problem document, and how long it asks to wait. What follows is not said here.

Every key of ``application/problem+json`` is optional, and any answer may be a web server's HTML page instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from pipelines.amocrm import strict_json
from pipelines.amocrm.messages import Answer
from pipelines.amocrm.records import Json

Problem: TypeAlias = Mapping[str, Json]

_LONGEST_WAIT = 31_536_000.0  # a year: longer than anyone waits, short enough to calculate with
_LONGEST_LINE = 500


def read_problem(answer: Answer) -> Problem | None:
    """The JSON object in the body, whatever the Content-Type claims; None where there is none."""
    if answer.defect:
        return None
    try:
        document = strict_json.parse(answer.body)
    except strict_json.NotStrictJson:
        return None
    return document if isinstance(document, dict) else None


def describe(problem: Problem | None) -> str:
    """What the problem says, its ``validation-errors`` included, in one printable line of bounded length."""
    if problem is None:
        return ""
    parts = [problem.get("detail") or problem.get("title")]
    for entry in _objects(problem.get("validation-errors")):
        errors = _objects(entry.get("errors"))
        parts += [f"{error.get('path')}: {error.get('detail')} ({error.get('code')})" for error in errors]
    line = "; ".join(part for part in parts if isinstance(part, str))[:_LONGEST_LINE]
    return "".join(character if character.isprintable() else " " for character in line).strip(" .")


def wait_seconds(answer: Answer) -> float | None:
    """Seconds the server asks to wait; None where it does not, or says nothing sensible.

    amoCRM says it in the body (``retry_after``), proxies in Retry-After as seconds or as a date. The longest counts.
    """
    problem = read_problem(answer) or {}
    hints = (_seconds(problem.get("retry_after")), _seconds(answer.headers.get("retry-after")), _until(answer.headers))
    return max((hint for hint in hints if hint is not None and hint > 0), default=None)


def _seconds(value: Json) -> float | None:
    text = str(value).strip()
    try:
        return min(float(text), _LONGEST_WAIT) if text[:1].isdecimal() else None
    except ValueError:
        return None


def _until(headers: Mapping[str, str]) -> float | None:
    """Retry-After as a date, counted from the server's own clock in Date."""
    try:
        until, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        return (until - now).total_seconds()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
