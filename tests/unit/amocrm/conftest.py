"""Payload files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.amocrm.models import Json

PAYLOADS = Path(__file__).parents[2] / "payloads"


@pytest.fixture
def payload() -> Callable[[str], bytes]:
    """The bytes of a payload file, by its name: ``payload("segments_list/200.json")``."""
    return lambda name: (PAYLOADS / name).read_bytes()


@pytest.fixture
def document(payload: Callable[[str], bytes]) -> Callable[[str], Json]:
    """A payload file as JSON, to be changed at will."""
    return lambda name: json.loads(payload(name))
