"""The thin shell that puts a world on a port: sockets, threads, compression. What is answered is decided elsewhere."""

from __future__ import annotations

import gzip
import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from emulator import tokens
from emulator.answers import answer
from emulator.clock import Clock
from emulator.messages import Answer, Request
from emulator.tokens import Token
from emulator.world import World

LOOPBACK = "127.0.0.1"


class Emulator:
    """A small amoCRM on a port of this machine, as a context manager.

    ::

        with Emulator() as emulator:
            account_id = emulator.world.add_account("Corner Coffee")
            token = emulator.long_lived_token(account_id)
            requests.get(f"{emulator.url}/api/v4/account", headers={"Authorization": f"Bearer {token}"})

    One emulator serves any number of accounts: the bearer token decides whose data are shown. ``requests`` is the log
    of what came, oldest first. All data are simulated.
    """

    def __init__(self, *, world: World | None = None, clock: Clock | None = None, port: int = 0) -> None:
        if world is not None and clock is not None and world.clock is not clock:
            raise ValueError("the world has a clock of its own: pass one of the two")
        self.world = world or World(clock=clock)
        self.requests: list[Request] = []
        self._port = port
        self._server: _Server | None = None

    @property
    def clock(self) -> Clock:
        """The time this amoCRM believes it is."""
        return self.world.clock

    @property
    def host(self) -> str:
        """Host and port, for settings that name a host."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return f"{LOOPBACK}:{self._server.server_port}"

    @property
    def url(self) -> str:
        """What paths are appended to, such as ``http://127.0.0.1:41234``."""
        return f"http://{self.host}"

    def long_lived_token(self, account_id: int, expires_at: datetime | None = None, *, is_admin: bool = True) -> str:
        """A long-lived access token of an account, good until ``expires_at`` (five years from now by default)."""
        account, now = self.world.account(account_id), self.world.now()
        token = Token(
            id=f"{self.world.take_id('token'):032x}",
            account_id=account_id,
            user_id=account.admin_id if is_admin else account.user_id,
            issued_at=now,
            expires_at=expires_at or now + timedelta(days=5 * 365),
            api_domain=self.host,
            client_id="long-lived",
        )
        return tokens.write(token, self.world.secret)

    def start(self) -> Emulator:
        """Listen; the port is known from here on."""
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="emulator", daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the port and every connection, at once. Stopping twice is no error."""
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()
            server.drop_connections()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def respond(self, request: Request) -> Answer:
        """Log a request and answer it."""
        self.requests.append(request)
        with self.world.lock:
            return answer(self.world, request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, emulator: Emulator, port: int) -> None:
        self.emulator = emulator
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((LOOPBACK, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which may take seconds.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle are no news."""

    def drop_connections(self) -> None:
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer; the other methods are this one too."""
        request = self._request()
        given = self.server.emulator.respond(request)
        body = given.encoded()
        headers = {
            "Date": format_datetime(self.server.emulator.world.now().astimezone(UTC), usegmt=True),
            "Server": "amoCRM emulator (simulated data)",
            "X-Request-Id": str(uuid.uuid4()),
        }
        if given.content_type is not None:
            headers["Content-Type"] = given.content_type
        if body and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if given.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {given.status} {self.responses.get(given.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in (headers | given.headers).items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: ``Emulator.requests`` is the log."""

    def _request(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers=headers,
            body=self.rfile.read(int(headers.get("content-length", 0))),
            base_url=f"http://{headers.get('host', self.server.emulator.host)}",
            at=self.server.emulator.world.now(),
        )
