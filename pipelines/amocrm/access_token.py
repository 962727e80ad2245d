"""Claims of an access token. Signatures are not verified."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

from pipelines.amocrm.models import Json


def read_claims(token: str) -> dict[str, Json]:
    """Return the claims of a JWT; an empty dict if the token is not one."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def read_expiry(token: str) -> datetime | None:
    """Return when the token expires, by its claim ``exp``; None without a valid claim."""
    try:
        return datetime.fromtimestamp(int(read_claims(token)["exp"]), UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        return None
