"""A request to amoCRM's API v4 and an answer, as plain data. What an answer means is ``protocol``'s subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.amocrm.records import Resource

PAGE_LIMIT = 250
"""Rows asked for in a page: the most the API gives, so that a hundred segments are one page and cannot drift."""

LIST_PATHS: Mapping[Resource, str] = {
    "stages": "/api/v4/customers/statuses",
    "segments": "/api/v4/customers/segments",
    "fields": "/api/v4/customers/segments/custom_fields",
}

LIST_OF: Mapping[Resource, Resource] = {"stage": "stages", "segment": "segments", "field": "fields"}
"""The list in which a thing stands; its id is added to the list's path."""


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
    def is_repeatable(self) -> bool:
        """Whether it may be sent again after any answer, or after none: a write never is."""
        return self.method == "GET"

    @property
    def is_of_list(self) -> bool:
        """Whether a page of a list is asked for."""
        return self.resource in LIST_PATHS

    @property
    def is_of_thing(self) -> bool:
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


def thing_request(resource: Resource, thing_id: int) -> Request:
    """One stage, segment or field by its id."""
    return Request(resource=resource, path=f"{LIST_PATHS[LIST_OF[resource]]}/{thing_id}", thing_id=thing_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer whose status and headers arrived, and its body as far as it did."""

    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes = field(repr=False)  # decoded from gzip
    defect: str | None = None  # why the body cannot be relied upon: cut short, bad checksum, too large
    is_interrupted: bool = False  # the defect is the connection's or the deadline's, so asking again may help

    @property
    def content_type(self) -> str | None:
        """The Content-Type as received."""
        return self.headers.get("content-type")

    @property
    def request_id(self) -> str | None:
        """The vendor's X-Request-Id, where it is safe to print."""
        text = self.headers.get("x-request-id", "")[:100]
        return text if text.isascii() and text.isprintable() and text else None
