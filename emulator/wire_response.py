"""Response on the wire: encoded, compressed, with all headers, and how its bytes are sent."""

from __future__ import annotations

import gzip
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.client import responses
from typing import Literal, TypeAlias

from emulator.messages import Request, Response

ConnectionEnd: TypeAlias = Literal["keep", "close", "reset"]
"""End of the connection: kept open, closed properly, or reset (RST)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WireResponse:
    """Bytes to send. Only faults change ``sent``, ``end`` and ``piece_seconds``."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None  # bytes of head and body that are sent; None sends all
    end: ConnectionEnd = "keep"
    piece_seconds: float = 0.0  # wait before each piece; 0: the response is sent at once
    piece: int = 1  # bytes per piece, if ``piece_seconds`` is set
    is_head_delayed: bool = False  # the head is sent in pieces too

    def head(self) -> bytes:
        """Return status line and headers."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def with_body(self, body: bytes) -> WireResponse:
        """Return a copy with another body and its Content-Length."""
        return replace(self, body=body, headers=self.headers | {"Content-Length": str(len(body))})

    def with_headers(self, **headers: str) -> WireResponse:
        """Return a copy with changed headers; underscores in names become hyphens."""
        return replace(self, headers=self.headers | {name.replace("_", "-"): text for name, text in headers.items()})

    def compressed(self) -> WireResponse:
        """Return a copy compressed with gzip, unless it already is."""
        if "Content-Encoding" in self.headers:
            return self
        gzipped = self.with_body(gzip.compress(self.body, compresslevel=1, mtime=0))
        return gzipped.with_headers(Content_Encoding="gzip", Vary="Accept-Encoding")


def encode(response: Response, request: Request, now: datetime) -> WireResponse:
    """Encode a response, compressed if the client accepts gzip."""
    headers = {
        "Date": format_datetime(now.astimezone(UTC), usegmt=True),
        "Server": "amoCRM emulator (simulated data)",
        "X-Request-Id": str(uuid.uuid4()),
    }
    if response.content_type is not None:
        headers["Content-Type"] = response.content_type
    wire = WireResponse(status=response.status, headers=headers | response.headers, body=response.encoded())
    if response.status == HTTPStatus.NO_CONTENT:
        return wire
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    return wire.with_body(wire.body).compressed() if wire.body and takes_gzip else wire.with_body(wire.body)
