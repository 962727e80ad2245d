"""Requests and responses as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from emulator.entities import Json

HAL = "application/hal+json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One received request."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)  # the last value of each name
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case, including ``authorization``
    body: bytes = b""
    base_url: str = "http://localhost"  # prefix of links
    at: datetime | None = None  # by the emulator's clock

    @property
    def page(self) -> int:
        """Requested page; 1 if it is missing or invalid."""
        text = self.query.get("page", "1")
        return max(int(text), 1) if text.isdecimal() else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """One response before it is encoded. ``payload`` becomes JSON; ``body`` is sent if there is no payload."""

    status: int
    content_type: str | None = None
    payload: Json = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body's bytes, before compression."""
        if self.payload is None:
            return self.body
        try:
            return json.dumps(self.payload, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:  # a lone surrogate, which must be escaped
            return json.dumps(self.payload, separators=(",", ":")).encode()


def success(payload: Json) -> Response:
    """Return 200 with a HAL document."""
    return Response(status=200, content_type=HAL, payload=payload)


def no_content() -> Response:
    """Return 204 without a body."""
    return Response(status=204)


def timeout() -> Response:
    """Return the page of a proxy whose server took too long."""
    return Response(
        status=504, content_type="text/html; charset=UTF-8", body=b"<html><h1>504 Gateway Time-out</h1></html>"
    )


def problem(status: int, detail: str, **more: Json) -> Response:
    """Return an error in the API's format: RFC 7807 with amoCRM's ``type``."""
    title = HTTPStatus(status).phrase
    payload = more | {"title": title, "type": f"https://httpstatus.es/{status}", "status": status, "detail": detail}
    return Response(status=status, content_type=PROBLEM, payload=payload)
