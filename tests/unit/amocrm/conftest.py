"""Payload files, and raw answers made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.amocrm.messages import LIST_PATHS
from pipelines.amocrm.records import Json, RawAnswer, Resource

PAYLOADS = Path(__file__).parents[2] / "payloads"
OBSERVED_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def payload() -> Callable[[str], bytes]:
    """The bytes of a payload file, by its name: ``payload("segments_list/200.json")``."""
    return lambda name: (PAYLOADS / name).read_bytes()


@pytest.fixture
def document(payload: Callable[[str], bytes]) -> Callable[[str], Any]:
    """A payload file as plain JSON, to be changed at will."""
    return lambda name: json.loads(payload(name))


@pytest.fixture
def answers() -> Callable[..., list[RawAnswer]]:
    """Accepted raw answers from bodies by resource: bytes, or JSON to be; one page a list."""

    def make(**bodies: Json) -> list[RawAnswer]:
        return [raw_answer(index, resource, body) for index, (resource, body) in enumerate(bodies.items())]

    return make


def raw_answer(sequence: int, resource: Resource, body: Json, *, page: int = 1, is_accepted: bool = True) -> RawAnswer:
    """One answer as a load would have kept it."""
    is_list = resource in LIST_PATHS
    return RawAnswer(
        sequence=sequence,
        resource=resource,
        page=page if is_list else None,
        pass_number=1 if is_list else None,
        is_accepted=is_accepted,
        path="/",
        status=200,
        content_type="application/hal+json",
        request_id=None,
        received_at=OBSERVED_AT,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
