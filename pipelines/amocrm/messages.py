"""Requests to amoCRM's API v4 and its responses, as plain data.

Paths and methods: https://www.amocrm.com/developers/content/api_v4/customers-stages-and-segments/
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode

import simplejson

from pipelines.amocrm.models import Json, Resource
from pipelines.amocrm.sanitize import sanitize_text

PAGE_LIMIT = 250
"""Rows per page: the API's maximum, so that 100 segments are one page and cannot drift between pages."""

MIN_SECRET_LENGTH = 16
"""Characters of a secret that identify it in a response. A shorter secret could match any word."""

LIST_PATHS: Mapping[Resource, str] = {
    "stages": "/api/v4/customers/statuses",
    "segments": "/api/v4/customers/segments",
    "fields": "/api/v4/customers/segments/custom_fields",
    "customers": "/api/v4/customers",
    "events": "/api/v4/events",
}

LIST_OF: Mapping[Resource, Resource] = {
    "stage": "stages",
    "segment": "segments",
    "field": "fields",
    "customer": "customers",
}
"""List of each entity; the entity's path is the list's path and its id."""

_CUSTOMER_PATH = re.compile(r"(?<=^/api/v4/customers/)\d+")

WriteMethod: TypeAlias = Literal["POST", "PATCH", "DELETE"]
Writable: TypeAlias = Literal["stages", "segments"]
EntityKind: TypeAlias = Literal["stage", "segment"]

_ENTITY_OF: Mapping[Writable, Resource] = {"stages": "stage", "segments": "segment"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request without host and token."""

    resource: Resource
    path: str  # path and query
    thing_id: int | None = None  # if the resource is one entity
    page: int | None = None  # from 1, if the resource is a list
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)  # JSON of a write

    @property
    def is_read(self) -> bool:
        """True for reads: sending them twice does no harm."""
        return self.method == "GET"

    @property
    def is_list_page(self) -> bool:
        """True for a page of a list."""
        return self.resource in LIST_PATHS

    @property
    def is_single_entity(self) -> bool:
        """True for one entity by its id."""
        return self.resource in LIST_OF

    @property
    def shows_persons(self) -> bool:
        """True if a response may hold personal data, so that nothing of it may be quoted."""
        return self.resource in ("customer", "customers", "events")

    def __str__(self) -> str:
        """Name the request in messages and logs, without the id of a customer."""
        return f"{self.method} {_CUSTOMER_PATH.sub('{id}', self.path)}"


def account_request() -> Request:
    """Build the request for the account with its timezone."""
    return Request(resource="account", path="/api/v4/account?with=datetime_settings")


def list_request(
    resource: Resource, page: int, *, limit: int = PAGE_LIMIT, filters: Mapping[str, object] = MappingProxyType({})
) -> Request:
    """Build the request for one page of a list. ``filters`` are values by the name of their parameter."""
    query = urlencode({"page": page, "limit": limit, **filters})
    return Request(resource=resource, path=f"{LIST_PATHS[resource]}?{query}", page=page)


def entity_request(resource: Resource, thing_id: int) -> Request:
    """Build the request for one stage, segment or field."""
    return Request(resource=resource, path=f"{LIST_PATHS[LIST_OF[resource]]}/{thing_id}", thing_id=thing_id)


def write_request(method: WriteMethod, resource: Writable, thing_id: int | None, body: Json) -> Request:
    """Build a write: POST has no ``thing_id``, DELETE no ``body``."""
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
    """Response whose status and headers arrived, with as much of the body as arrived."""

    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes = field(repr=False)  # decoded from gzip
    defect: str | None = None  # why the body is unusable: cut short, bad checksum, too large
    is_interrupted: bool = False  # the connection or the deadline caused the defect: a retry may help

    def redacted(self, secret: str) -> Response:
        """Return the response without copies of a secret, which proxies repeat in error pages.

        A secret is recognized by its first characters, in any encoding: a response may repeat only
        a part of it.
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
        """Content-Type as received, as far as Postgres can store it."""
        text = self.headers.get("content-type")
        return None if text is None else sanitize_text(text)

    @property
    def request_id(self) -> str | None:
        """Vendor's X-Request-Id, if it is printable."""
        text = self.headers.get("x-request-id", "")[:100]
        return text if text.isascii() and text.isprintable() and text else None


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteAttempt:
    """A write that was sent, and its response."""

    request: Request
    sent_at: datetime
    finished_at: datetime
    response: Response | None  # None: no response arrived until ``finished_at``


def _encodings(text: str) -> list[str]:
    """Return a text as it is, URL-encoded, and as it looks at any offset within base64."""
    raw = text.encode()
    encodings = {text, quote(text, safe="")}
    for shift in range(3):
        # A base64 letter holds six bits: leave out letters that share bits with neighbouring bytes.
        first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        encodings |= {encode(bytes(shift) + raw)[first:last].decode() for encode in (b64encode, urlsafe_b64encode)}
    return sorted(encodings)
