"""Digests of a load's requests and responses, to detect that the next load receives the same.

Only requests that the next load would repeat count: a load that requested single entities has no
digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeAlias

from pipelines.amocrm.messages import LIST_PATHS, Request, account_request, list_request
from pipelines.amocrm.models import RawResponse, Resource

RequestKey: TypeAlias = tuple[Resource, int | None, int | None]
"""Resource, page, pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseDigest:
    """Request, and everything in its response that a snapshot depends on."""

    resource: Resource
    page: int | None
    pass_number: int | None
    is_accepted: bool
    status: int
    is_json: bool  # by its content type
    body_hash: bytes

    @classmethod
    def of(cls, response: RawResponse) -> Self:
        """Digest a response."""
        return cls(
            resource=response.resource,
            page=response.page,
            pass_number=response.pass_number,
            is_accepted=response.is_accepted,
            status=response.status,
            is_json="json" in (response.content_type or ""),
            body_hash=response.body_hash,
        )

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """Read a digest that ``as_json`` wrote."""
        return cls(**{**row, "body_hash": bytes.fromhex(row["body_hash"])})

    def as_json(self) -> dict[str, Any]:
        """Return the digest as JSON."""
        return asdict(self) | {"body_hash": self.body_hash.hex()}

    @property
    def request(self) -> Request:
        """Request that the response belongs to."""
        return account_request() if self.page is None else list_request(self.resource, self.page)


def digest_responses(responses: Sequence[RawResponse]) -> tuple[ResponseDigest, ...] | None:
    """Digest the usable responses of a successful load; None if the next load would send other requests.

    Of several responses to one request the last is usable. The account is fetched twice if its key
    is new, and both responses must then be equal.
    """
    usable: dict[RequestKey, ResponseDigest] = {}
    for response in responses:
        if response.resource != "account" and response.resource not in LIST_PATHS:
            return None
        digest = ResponseDigest.of(response)
        earlier = usable.get((digest.resource, digest.page, digest.pass_number))
        if earlier is not None and earlier.is_accepted and earlier != digest:
            return None
        usable[digest.resource, digest.page, digest.pass_number] = digest
    return tuple(usable.values())
