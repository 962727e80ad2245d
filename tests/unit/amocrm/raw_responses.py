"""Raw responses made from documents."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from pipelines.amocrm.messages import LIST_PATHS
from pipelines.amocrm.models import Json, RawResponse, Resource

OBSERVED_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def raw_response(
    sequence: int,
    resource: Resource,
    body: Json,
    *,
    page: int = 1,
    thing_id: int | None = None,
    status: int = 200,
    is_accepted: bool = True,
) -> RawResponse:
    """Make a raw response; ``body`` is bytes or a JSON document."""
    is_list = resource in LIST_PATHS
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawResponse(
        sequence=sequence,
        resource=resource,
        thing_id=thing_id,
        page=page if is_list else None,
        pass_number=1 if is_list else None,
        is_accepted=is_accepted,
        path="/",
        status=status,
        content_type="application/hal+json",
        request_id=None,
        received_at=OBSERVED_AT,
        body=content,
        body_hash=hashlib.sha256(content).digest(),
    )


def raw_responses(**bodies: Json) -> list[RawResponse]:
    """Make accepted responses, one page per list."""
    return [raw_response(index, resource, body) for index, (resource, body) in enumerate(bodies.items())]  # type: ignore[arg-type]
