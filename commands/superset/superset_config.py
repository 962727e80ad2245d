"""Superset's configuration for one user on one machine. Superset imports it in its own environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(os.environ["AMOCRM_SUPERSET_FOLDER"])

SECRET_KEY: Final = (FOLDER / "secret_key").read_text(encoding="ascii")
SQLALCHEMY_DATABASE_URI: Final = f"sqlite:///{FOLDER / 'superset.db'}?check_same_thread=false"
RATELIMIT_STORAGE_URI: Final = "memory://"

# Superset's default without external addresses: usage statistics and maps.
TALISMAN_CONFIG: Final[dict[str, Any]] = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
