"""What a load asked and was answered, in short, so that the next one can tell that it is answered the same.

Only questions that the next load would ask again count: a load that had to ask for single things is
not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeAlias

from pipelines.amocrm.messages import LIST_PATHS, Request, account_request, list_request
from pipelines.amocrm.models import RawResponse, Resource

RequestKey: TypeAlias = tuple[Resource, int | None, int | None]
"""Resource, page and pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseDigest:
    """A question, and all of the answer that a snapshot depends on."""

    resource: Resource
    page: int | None
    pass_number: int | None
    is_accepted: bool
    status: int
    is_json: bool  # by its content type
    body_hash: bytes

    @classmethod
    def of(cls, response: RawResponse) -> Self:
        """An answer in short."""
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
        """From what ``as_json`` has made."""
        return cls(**{**row, "body_hash": bytes.fromhex(row["body_hash"])})

    def as_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"body_hash": self.body_hash.hex()}

    @property
    def request(self) -> Request:
        """The question."""
        return account_request() if self.page is None else list_request(self.resource, self.page)


def digest_responses(responses: Sequence[RawResponse]) -> tuple[ResponseDigest, ...] | None:
    """The usable answers of a load that succeeded, in short; None where the next load would ask something else.

    Of several answers to one question the last is the usable one: only then a load goes on. The
    account alone is asked twice on purpose, where its key is new, and must then have answered the
    same.
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
