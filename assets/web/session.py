"""Sessions of Dagster's UI, which keep out other users of the machine: they can reach its loopback addresses too.

The secret is in a cookie, which a browser gets by opening a login address once, or in the header
``Authorization: Bearer``, which scripts and proxies send.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import cookie_parser

from assets.web.rules import WebRequest

LOGIN_PATH: Final = "/login"
LOGIN_KEY: Final = "AMOCRM_DAGSTER_LOGIN_KEY"
"""Variable in which ``./run dev`` passes the key of the login address that it prints."""

OPEN_PATHS: Final = frozenset({"/server_info"})
"""Paths that need no session: Dagster's versions, for health checks."""

COOKIE: Final = "amocrm_dagster"


@dataclass(kw_only=True)
class Sessions:
    """Secret of this server, and its login address, which works once."""

    secret: str
    login_key: str
    port: int  # part of the cookie's name, because the ports of a host share cookies
    path_prefix: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def cookie_name(self) -> str:
        """Name of this server's cookie."""
        return f"{COOKIE}_{self.port}"

    @property
    def cookie(self) -> str:
        """Value of Set-Cookie. The cookie does not reveal the secret."""
        path = self.path_prefix or "/"
        return f"{self.cookie_name}={self._cookie_value}; Path={path}; HttpOnly; SameSite=Lax"

    def is_login(self, request: WebRequest) -> bool:
        """Return True for a request to the login address."""
        return not request.is_websocket and request.path == self.path_prefix + LOGIN_PATH

    def log_in(self, request: WebRequest) -> bool:
        """Use up the login address. Return False if its key is wrong or already used, and there is no session."""
        if self.has_session(request):
            return True
        given = parse_qs(request.query).get("key", [])
        with self._lock:
            is_right = request.method == "GET" and len(given) == 1 and _is_equal(given[0], self.login_key)
            if is_right:
                self.login_key = ""
        return is_right

    def may_pass(self, request: WebRequest) -> bool:
        """Return True if the request has a session, or needs none."""
        is_open = request.path.removeprefix(self.path_prefix) in OPEN_PATHS and not request.is_websocket
        return is_open or self.has_session(request)

    def has_session(self, request: WebRequest) -> bool:
        """Return True if the request carries the cookie or the secret."""
        cookies = cookie_parser("; ".join(request.all("cookie")))
        cookie = cookies.get(self.cookie_name, "")
        scheme, _, token = (request.one("authorization") or "").partition(" ")
        is_bearer = scheme.lower() == "bearer" and _is_equal(token.strip(), self.secret)
        return is_bearer or _is_equal(cookie, self._cookie_value)

    @property
    def _cookie_value(self) -> str:
        return hmac.new(self.secret.encode(), b"cookie", hashlib.sha256).hexdigest()


def _is_equal(given: str, expected: str) -> bool:
    """Compare in constant time. An empty secret never matches."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
