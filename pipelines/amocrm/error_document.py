"""Parser of error responses: the problem document and the wait it asks for.

Every key of ``application/problem+json`` is optional, and any response may be a web server's HTML
page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pipelines.amocrm import strict_json
from pipelines.amocrm.limits import MAX_RETRY_AFTER_SECONDS
from pipelines.amocrm.messages import Response
from pipelines.amocrm.models import Json
from pipelines.amocrm.numbered_lists import as_list
from pipelines.base.clock import parse_http_date

ErrorDocument: TypeAlias = Mapping[str, Json]

_MAX_LINE_LENGTH = 500


def parse_error_document(response: Response) -> ErrorDocument | None:
    """Return the JSON object in the body, whatever the Content-Type says; None if there is none."""
    if response.defect:
        return None
    try:
        document = strict_json.parse(response.body)
    except strict_json.NotStrictJson:
        return None
    return document if isinstance(document, dict) else None


def describe_error_document(error_document: ErrorDocument | None) -> str:
    """Describe the error and its ``validation-errors`` in one printable line of bounded length."""
    if error_document is None:
        return ""
    parts = [error_document.get("detail") or error_document.get("title")]
    for entry in _objects(error_document.get("validation-errors")):
        errors = _objects(entry.get("errors"))
        parts += [f"{error.get('path')}: {error.get('detail')} ({error.get('code')})" for error in errors]
    line = "; ".join(part for part in parts if isinstance(part, str))[:_MAX_LINE_LENGTH]
    return "".join(character if character.isprintable() else " " for character in line).strip(" .")


def retry_after_seconds(response: Response) -> float | None:
    """Return the seconds that the server asks to wait; None if it does not.

    amoCRM writes them in the body (``retry_after``), proxies in Retry-After as seconds or a date.
    The longest wins.
    """
    error_document = parse_error_document(response) or {}
    waits = (
        _parse_seconds(error_document.get("retry_after")),
        _parse_seconds(response.headers.get("retry-after")),
        _seconds_until_date(response.headers),
    )
    return max((wait for wait in waits if wait is not None and wait > 0), default=None)


def _parse_seconds(value: Json) -> float | None:
    """Return a number of seconds, capped; None if the value is not one."""
    text = str(value).strip()
    try:
        return min(float(text), MAX_RETRY_AFTER_SECONDS) if text[:1].isdecimal() else None
    except ValueError:
        return None


def _seconds_until_date(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After as a date, relative to the server's own Date."""
    until, now = (parse_http_date(headers.get(name)) for name in ("retry-after", "date"))
    return None if until is None or now is None else (until - now).total_seconds()


def _objects(value: Json) -> list[dict[str, Json]]:
    """Return the objects in a list; an empty list for any other value."""
    items = as_list(value)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
