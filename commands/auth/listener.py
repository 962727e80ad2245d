"""Takes the browser that amoCRM sends back with a code, where the redirect URI is on this machine, logging nothing."""

from __future__ import annotations

import socket
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from pipelines.errors import SettingsError

PAGE: Final = (
    b"<!DOCTYPE html><html lang='en'><title>amocrm-warehouse</title>"
    b"<p>Thank you. You can close this window; the terminal tells how it went.</p></html>"
)


class Listener:
    """A port of this machine, for as long as the context lasts. Raises ``SettingsError`` where it is taken."""

    def __init__(self, redirect_uri: str) -> None:
        url = urlsplit(redirect_uri)
        self._path = url.path or "/"
        self._origin = f"{url.scheme}://{url.netloc}"
        self._address: str | None = None
        try:
            self._server = _Server((url.hostname or "", url.port or 0), _handler(self))
        except OSError as error:
            raise SettingsError(
                f"nobody can listen at {redirect_uri}: {error.strerror}.",
                advice="Free that port, or run './run auth login --paste'.",
            ) from None

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def wait(self, seconds: float) -> str | None:
        """The address that the browser was sent to; None where it does not come."""
        deadline = time.monotonic() + seconds
        while self._address is None and (left := deadline - time.monotonic()) > 0:
            self._server.timeout = left
            self._server.handle_request()
        return self._address

    def take(self, target: str) -> bool:
        """Take the target of a request, if it is the one that is waited for, and not the browser's own idea."""
        if urlsplit(target).path != self._path:
            return False
        self._address = self._origin + target
        return True


class _Server(HTTPServer):
    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which takes seconds where there is no resolver."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for one request, so that a connection without one holds nobody up

        def do_GET(self) -> None:
            is_taken = listener.take(self.path)
            self.send_response(200 if is_taken else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            if is_taken:
                self.wfile.write(PAGE)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Nothing: the address holds the code."""

    return Handler
