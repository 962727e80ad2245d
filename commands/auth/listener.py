"""Listener for the OAuth redirect with the authorization code, if the redirect URI is on this machine.

Any program of this machine and any website can send requests to the port. Only a request with this login's secret
``state`` is accepted; all others get a 404.
"""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from pipelines.base.errors import SettingsError
from pipelines.config.parsing import LOCAL_HOSTS

DONE_PAGE: Final = (
    b"<!DOCTYPE html><html lang='en'><title>amocrm-warehouse</title>"
    b"<p>Thank you. You can close this window; the terminal shows the result.</p></html>"
)
REFUSED: Final = (
    b"<!DOCTYPE html><html lang='en'><title>amocrm-warehouse</title>"
    b"<p>This address does not belong to the login in progress. Open the address that the terminal shows."
    b"</p></html>"
)
REQUEST_SECONDS: Final = 10
"""Timeout of each read, so that idle connections are closed."""


class RedirectListener:
    """Listens at the redirect URI until the context ends. Raises ``SettingsError`` if the port is in use."""

    def __init__(self, redirect_uri: str, state: str) -> None:
        self._url = urlsplit(redirect_uri)
        self._state = state
        self._address: str | None = None
        self._has_come = threading.Event()
        self._lock = threading.Lock()
        try:
            self._server = _Server((self._url.hostname or "", self._url.port or 0), _handler_for(self))
        except OSError as error:
            raise SettingsError(
                f"cannot listen at {redirect_uri}: {error.strerror}.",
                advice="Free that port, or run './run auth login --paste'.",
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> RedirectListener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> str | None:
        """Wait for the redirect and return its address; None after a timeout."""
        self._has_come.wait(seconds)
        return self._address

    def take(self, target: str, headers: Mapping[str, str]) -> bool:
        """Accept a request if it is the expected redirect. The first one is used."""
        if not is_awaited(target, headers, redirect=self._url, state=self._state):
            return False
        with self._lock:
            self._address = self._address or f"{self._url.scheme}://{self._url.netloc}{target}"
        return True

    def finish(self) -> None:
        """End ``wait``, once the browser has its page."""
        self._has_come.set()


def is_awaited(target: str, headers: Mapping[str, str], *, redirect: SplitResult, state: str) -> bool:
    """Return True for the redirect of this login. Header names are in lower case."""
    try:
        url = urlsplit(target)
        host = urlsplit(f"//{headers.get('host', '')}").hostname
        states = parse_qs(url.query, keep_blank_values=True).get("state", [])
    except ValueError:
        return False
    is_navigation = (
        headers.get("sec-fetch-mode", "navigate") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
    )
    return (
        target.startswith("/")
        and url.path == (redirect.path or "/")
        and host in LOCAL_HOSTS
        and "origin" not in headers  # browsers send none when they follow a redirect
        and is_navigation
        and len(states) == 1
        and hmac.compare_digest(states[0].encode(), state.encode())
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without a reverse DNS lookup, which takes seconds without a resolver."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections; the browser retries."""


def _handler_for(listener: RedirectListener) -> type[BaseHTTPRequestHandler]:
    """Return a request handler that passes requests to the listener."""

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            """Respond with the page for an accepted redirect, or with 404."""
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_taken = listener.take(self.path, headers)
            self.send_response(200 if is_taken else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                self.wfile.write(DONE_PAGE if is_taken else REFUSED)
            finally:
                if is_taken:
                    listener.finish()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Log nothing, because the address holds the code."""

    return Handler
