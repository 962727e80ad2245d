"""Requests to amoCRM's API v4 and answers, as plain data.

What an answer means is ``protocol``'s subject.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import quote

import simplejson

from pipelines.amocrm.models import Json, Resource

PAGE_LIMIT = 250
"""Rows asked for in a page: the most the API gives, so that a hundred segments are one page and cannot drift."""

MIN_SECRET_LENGTH = 16
"""Characters of a secret by which it is known again; a shorter one could be any word."""

LIST_PATHS: Mapping[Resource, str] = {
    "stages": "/api/v4/customers/statuses",
    "segments": "/api/v4/customers/segments",
    "fields": "/api/v4/customers/segments/custom_fields",
}

LIST_OF: Mapping[Resource, Resource] = {"stage": "stages", "segment": "segments", "field": "fields"}
"""The list in which a thing stands; its id is added to the list's path."""

WriteMethod: TypeAlias = Literal["POST", "PATCH", "DELETE"]
Writable: TypeAlias = Literal["stages", "segments"]
EntityKind: TypeAlias = Literal["stage", "segment"]

_ENTITY_OF: Mapping[Writable, Resource] = {"stages": "stage", "segments": "segment"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, the host and the token aside."""

    resource: Resource
    path: str  # path and query
    thing_id: int | None = None  # where the resource is one thing
    page: int | None = None  # where the resource is a list, from 1
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)  # JSON, where the method writes

    @property
    def is_retryable(self) -> bool:
        """Whether it may be sent again after any answer, or after none: all but writes."""
        return self.method == "GET"

    @property
    def is_list_page(self) -> bool:
        """Whether a page of a list is asked for."""
        return self.resource in LIST_PATHS

    @property
    def is_single_entity(self) -> bool:
        """Whether one thing is asked for by its id."""
        return self.resource in LIST_OF

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def account_request() -> Request:
    """The account with its timezone."""
    return Request(resource="account", path="/api/v4/account?with=datetime_settings")


def list_request(resource: Resource, page: int) -> Request:
    """One page of a list."""
    return Request(resource=resource, path=f"{LIST_PATHS[resource]}?page={page}&limit={PAGE_LIMIT}", page=page)


def entity_request(resource: Resource, thing_id: int) -> Request:
    """One stage, segment or field by its id."""
    return Request(resource=resource, path=f"{LIST_PATHS[LIST_OF[resource]]}/{thing_id}", thing_id=thing_id)


def write_request(method: WriteMethod, resource: Writable, thing_id: int | None, body: Json) -> Request:
    """A call that changes stages or segments: what is added has no id yet, and what is deleted no body."""
    path = LIST_PATHS[resource]
    return Request(
        resource=resource if thing_id is None else _ENTITY_OF[resource],
        path=path if thing_id is None else f"{path}/{thing_id}",
        thing_id=thing_id,
        method=method,
        body=None if body is None else simplejson.dumps(body, use_decimal=True, allow_nan=False).encode("ascii"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """An answer whose status and headers arrived, and its body as far as it did."""

    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes = field(repr=False)  # decoded from gzip
    defect: str | None = None  # why the body cannot be relied upon: cut short, bad checksum, too large
    is_interrupted: bool = False  # the defect is the connection's or the deadline's, so asking again may help

    def redacted(self, secret: str) -> Response:
        """The answer with what it repeats of a secret taken out, as proxies that explain a refusal do.

        A secret is known by its beginning, in any encoding: of a long one an answer may hold no
        more than a part.
        """
        if len(secret) < MIN_SECRET_LENGTH:
            return self
        prefixes = _encodings(secret[:MIN_SECRET_LENGTH])
        texts = [self.body, *(value.encode() for value in self.headers.values())]
        if not any(prefix.encode() in text for prefix in prefixes for text in texts):
            return self
        pattern = f"(?:{'|'.join(map(re.escape, prefixes))})" + r"[!#-&(-;=?-\[\]-~]*"
        return replace(
            self,
            headers={name: re.sub(pattern, "***", value) for name, value in self.headers.items()},
            body=re.sub(pattern.encode(), b"***", self.body),
        )

    @property
    def content_type(self) -> str | None:
        """The Content-Type as received."""
        return self.headers.get("content-type")

    @property
    def request_id(self) -> str | None:
        """The vendor's X-Request-Id, where it is safe to print."""
        text = self.headers.get("x-request-id", "")[:100]
        return text if text.isascii() and text.isprintable() and text else None


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteAttempt:
    """A write that was sent, and what came back: all that a record of it needs."""

    request: Request
    sent_at: datetime
    finished_at: datetime
    response: Response | None  # None: none came until ``answered_at``


def _encodings(text: str) -> list[str]:
    """A text as it is, as a URL has it, and as it looks within base64, wherever in it the text begins."""
    raw = text.encode()
    encodings = {text, quote(text, safe="")}
    for shift in range(3):
        # Six bits are a letter: those that hold bits of what stands before or after the text are left out.
        first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        encodings |= {encode(bytes(shift) + raw)[first:last].decode() for encode in (b64encode, urlsafe_b64encode)}
    return sorted(encodings)
