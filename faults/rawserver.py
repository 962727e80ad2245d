"""A server that sends given bytes at a given speed, over TCP or TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

Script = Callable[[socket.socket, threading.Event], object]
"""Handler of a connection with a request; the event is set when the server stops.

A script that returns True keeps the connection for another request."""

TLS = Path(__file__).parent / "tls"


@dataclass(kw_only=True)
class RawServer:
    """Serves each connection in turn with ``script``, as a context manager."""

    script: Script
    certificate: str | None = None  # a file of the folder ``tls``
    reads_request: bool = True
    received: list[bytes] = field(default_factory=list)  # the heads of requests
    closed_count: int = 0  # connections
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    @property
    def url(self) -> str:
        """Scheme, address and port."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), self._dressed(connection) as dressed:
                while head := self._head(dressed) if self.reads_request else b"nothing":
                    self.received.append(head)
                    if self.script(dressed, self.stopped) is not True:
                        break
            self.closed_count += 1

    @contextmanager
    def _dressed(self, connection: socket.socket) -> Iterator[socket.socket]:
        with connection:
            if self.certificate is None:
                yield connection
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / self.certificate, TLS / "server.key")
            with context.wrap_socket(connection, server_side=True) as secure:
                yield secure

    def _head(self, connection: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            if not piece:
                return b""
            head += piece
        return head


def sends(data: bytes = b"") -> Script:
    """A script that sends these bytes and hangs up."""
    return lambda connection, _: connection.sendall(data)


def drips(data: bytes, pause: float = 0.02, *, after: bytes = b"") -> Script:
    """A script that sends ``after`` at once, and then ``data`` byte by byte for as long as somebody listens."""

    def send(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(after)
        for byte in data:
            if stopped.wait(pause):
                return
            connection.sendall(bytes([byte]))

    return send


def ok(body: bytes, *headers: str) -> bytes:
    """An answer with status 200 and a right length."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/hal+json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
