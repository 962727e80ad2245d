"""What an access token says of itself.

Nothing is verified: only amoCRM can tell whether it is good.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

from pipelines.amocrm.models import Json


def read_claims(token: str) -> dict[str, Json]:
    """The claims of a JWT; none of anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def read_expiry(token: str) -> datetime | None:
    """When the token ends, by the claim ``exp``; None where it does not say."""
    try:
        return datetime.fromtimestamp(int(read_claims(token)["exp"]), UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        return None
