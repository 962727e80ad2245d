"""HTTP listener: reads requests from sockets and sends responses. No other module uses sockets."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from emulator.messages import Request
from emulator.wire_response import WireResponse

LOOPBACK = "127.0.0.1"


class Listener:
    """Listens at a loopback port, with one thread per connection. Port 0 means any free port."""

    def __init__(self, respond: Callable[[Request], WireResponse], port: int) -> None:
        self._server = _Server(respond, port)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="amoCRM emulator", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Close the port and all connections, including those with a response in progress."""
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond: Callable[[Request], WireResponse], port: int) -> None:
        self.respond = respond
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((LOOPBACK, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind also looks up the host's name, which takes seconds without a resolver.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.socket.getsockname()[1]

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors of the emulator or of a fault, but not of clients that disconnect."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # gone already


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Respond to any method."""
        wire = self.server.respond(self._read())
        head, body = wire.head(), wire.body
        if wire.sent is not None:
            head, body = head[: wire.sent], body[: max(0, wire.sent - len(head))]
        if not wire.piece_seconds:
            self.wfile.write(head + body)
        elif wire.is_head_delayed:
            self._drip(head + body, wire)
        else:
            self.wfile.write(head)
            self._drip(body, wire)
        if wire.end == "reset":
            # A linger time of zero makes close() send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = self.close_connection or wire.end != "keep"

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: ``Emulator.requests`` is the log."""

    def _read(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers=headers,
            body=self._read_chunks() if "chunked" in headers.get("transfer-encoding", "") else self._read_body(headers),
            base_url=f"http://{headers.get('host', LOOPBACK)}",
        )

    def _read_body(self, headers: dict[str, str]) -> bytes:
        return self.rfile.read(int(headers.get("content-length", 0)))

    def _read_chunks(self) -> bytes:
        chunks = []
        while length := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(length))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(chunks)

    def _drip(self, data: bytes, wire: WireResponse) -> None:
        for start in range(0, len(data), wire.piece):
            if self.server.closing.wait(wire.piece_seconds):
                return
            self.wfile.write(data[start : start + wire.piece])
