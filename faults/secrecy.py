"""Search for secrets in files."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote


def places_of(folder: Path, *secrets: str) -> set[str]:
    """Files below a folder that hold a secret, plain or encoded, and its first letters."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files, f"nothing to look through in {folder}"
    return {
        f"{file.relative_to(folder)}: {secret[:8]}…"
        for file in files
        for content in [file.read_bytes()]
        for secret in secrets
        if any(form in content for form in forms(secret))
    }


def forms(secret: str) -> set[bytes]:
    """Plain and encoded forms of a secret."""
    assert secret
    raw = secret.encode()
    return {raw, quote(secret, safe="").encode(), b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw).rstrip(b"=")}
