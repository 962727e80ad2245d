"""Takes the browser that amoCRM sends back with a code, if the redirect URI is on this machine, logging nothing.

Any program of this machine and any website can send requests to the port. Only one that carries the ``state`` of this
login, which nobody else knows, ends the waiting; every other is answered and forgotten.
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
    b"<p>Thank you. You can close this window; the terminal tells how it went.</p></html>"
)
REFUSED: Final = (
    b"<!DOCTYPE html><html lang='en'><title>amocrm-warehouse</title>"
    b"<p>This address does not belong to the login that is waiting here. Open the address that the terminal shows."
    b"</p></html>"
)
REQUEST_SECONDS: Final = 10
"""For each read of a request, so that a connection without one does not stay."""


class RedirectListener:
    """A port of this machine, for as long as the context lasts. Raises ``SettingsError`` if it is taken."""

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
                f"nobody can listen at {redirect_uri}: {error.strerror}.",
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
        """The address that the browser was sent to; None if it does not come in time."""
        self._has_come.wait(seconds)
        return self._address

    def take(self, target: str, headers: Mapping[str, str]) -> bool:
        """Take the target of a request if it is the one that is waited for. The first one counts."""
        if not is_awaited(target, headers, redirect=self._url, state=self._state):
            return False
        with self._lock:
            self._address = self._address or f"{self._url.scheme}://{self._url.netloc}{target}"
        return True

    def finish(self) -> None:
        """End the waiting, once the browser has its page."""
        self._has_come.set()


def is_awaited(target: str, headers: Mapping[str, str], *, redirect: SplitResult, state: str) -> bool:
    """Return True for the redirect that ends this login. Header names are in lower case."""
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
        and "origin" not in headers  # a browser that is sent here by a redirect names none
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
        """Bind without looking up the host's name, which takes seconds without a resolver."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a connection that breaks: it is not the browser, or the browser tries again."""


def _handler_for(listener: RedirectListener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
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
            """Log nothing: the address holds the code."""

    return Handler
