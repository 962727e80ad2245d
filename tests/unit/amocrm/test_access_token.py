"""Expiry in a token's own claims."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest

from pipelines.amocrm.access_token import read_expiry


def token(claims: object) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


def test_the_end_is_the_claim_exp() -> None:
    assert read_expiry(token({"exp": 1_800_000_000})) == datetime(2027, 1, 15, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-jwt-at-all",
        "a.b",
        "e30.@@@@.x",
        "e30.!.x",
        "e30.YQ.x",
        token([1]),
        token("text"),
        token({}),
        token({"exp": None}),
        token({"exp": "soon"}),
        token({"exp": 10**30}),
        token({"exp": -(10**30)}),
        token({"exp": float("inf")}),
        "e30." + urlsafe_b64encode(b"[" * 200_000).decode() + ".x",
        "e30.\u0451.x",
    ],
)
def test_a_token_that_does_not_say(text: str) -> None:
    assert read_expiry(text) is None
