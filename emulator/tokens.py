"""Access tokens: JSON Web Tokens signed with HS256, with the claims of amoCRM's tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """Claims of an access token."""

    id: str
    account_id: int
    user_id: int
    issued_at: datetime
    expires_at: datetime
    api_domain: str  # host and port that serve the account independent of its subdomain
    client_id: str  # the integration it was issued to


def write(token: Token, secret: str) -> str:
    """Encode and sign the token."""
    claims = {
        "aud": token.client_id,
        "jti": token.id,
        "iat": int(token.issued_at.timestamp()),
        "nbf": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
        "sub": str(token.user_id),
        "grant_type": "",
        "account_id": token.account_id,
        "base_domain": "amocrm.com",
        "version": 2,
        "scopes": ["crm"],
        "api_domain": token.api_domain,
    }
    signed = f"{_encode_json({'typ': 'JWT', 'alg': 'HS256', 'jti': token.id})}.{_encode_json(claims)}"
    return f"{signed}.{_signature(signed, secret)}"


def read(text: str, secret: str) -> Token | None:
    """Decode a token; None if its signature is invalid. Callers must check whether it has expired."""
    signed, _, signature = text.rpartition(".")
    if signed.count(".") != 1 or not hmac.compare_digest(signature.encode(), _signature(signed, secret).encode()):
        return None
    claims = json.loads(_decode(signed.partition(".")[2]))
    return Token(
        id=claims["jti"],
        account_id=claims["account_id"],
        user_id=int(claims["sub"]),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        api_domain=claims["api_domain"],
        client_id=claims["aud"],
    )


def _signature(signed: str, secret: str) -> str:
    return _encode(hmac.new(secret.encode(), signed.encode("utf-8", "replace"), hashlib.sha256).digest())


def _encode_json(value: object) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
