"""What a token says of itself. Nothing is verified: only amoCRM can tell whether it is good."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime


def expires_at(token: str) -> datetime | None:
    """When the token ends, by the claim ``exp`` of a JWT; None for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
