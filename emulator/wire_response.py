"""An answer as it goes over the wire: encoded, compressed, with all its headers, and how its bytes are sent."""

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
"""What becomes of the connection: it stays, it is closed properly, or it is cut (RST)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WireResponse:
    """Bytes to send. Only a fault gives them another pace or end than the usual one."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None  # how many bytes of head and body are sent at all; None sends everything
    end: ConnectionEnd = "keep"
    pace: float = 0.0  # seconds of waiting before each piece
    piece: int = 1  # bytes of a piece, where there is a pace
    is_head_delayed: bool = False  # whether the head is sent at that pace too

    def head(self) -> bytes:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def with_body(self, body: bytes) -> WireResponse:
        """The same with another body and its length."""
        return replace(self, body=body, headers=self.headers | {"Content-Length": str(len(body))})

    def with_headers(self, **headers: str) -> WireResponse:
        """The same with other headers, an underscore in a name standing for a hyphen."""
        return replace(self, headers=self.headers | {name.replace("_", "-"): text for name, text in headers.items()})

    def compressed(self) -> WireResponse:
        """The same as gzip, unless it is already."""
        if "Content-Encoding" in self.headers:
            return self
        gzipped = self.with_body(gzip.compress(self.body, compresslevel=1, mtime=0))
        return gzipped.with_headers(Content_Encoding="gzip", Vary="Accept-Encoding")


def encode(response: Response, request: Request, now: datetime) -> WireResponse:
    """The wire form of an answer, compressed where the client takes gzip."""
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
