"""TCP proxy for Postgres that cuts the connection at one message of the protocol.

https://www.postgresql.org/docs/current/protocol-message-formats.html: a type byte, a length that counts itself, a body;
the first messages of a client have no type byte.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal, Self

Direction = Literal["to the server", "to the client"]
ENCRYPTION: Final = frozenset({80877103, 80877104})
"""Codes of SSLRequest and GSSENCRequest, which are answered by a single byte."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A forwarded message: number, direction and type byte."""

    number: int
    direction: Direction
    kind: str


@dataclass(kw_only=True)
class Proxy:
    """Passes on what goes to and from ``port``, as a context manager.

    ``cut_at`` is the number of the message at which the connection is cut: before it is passed on, or right after it if
    ``is_after``. From then on new connections pass untouched, unless ``stays_down``. Without ``is_cut`` that message is
    only when ``then`` happens.
    """

    port: int
    cut_at: int | None = None
    is_after: bool = False
    stays_down: bool = False
    is_cut: bool = True
    then: Callable[[], object] | None = None  # what else happens at that moment
    messages: list[Message] = field(default_factory=list)
    has_cut: bool = False  # whether that message has come
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pairs: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._pairs:
            _close(one)

    @property
    def listens_at(self) -> int:
        """The port to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if self.has_cut and self.stays_down:
                    _close(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs += [client, server]
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        """Forward the startup, then messages in both directions."""
        with suppress(OSError, EOFError):
            while True:
                startup = _take(client, 4)
                startup += _take(client, struct.unpack("!i", startup)[0] - 4)
                server.sendall(startup)
                if struct.unpack("!i", startup[4:8])[0] not in ENCRYPTION:
                    break
                client.sendall(_take(server, 1))
            ways: tuple[tuple[socket.socket, socket.socket, Direction], ...] = (
                (client, server, "to the server"),
                (server, client, "to the client"),
            )
            threads = [threading.Thread(target=self._forward, args=way, daemon=True) for way in ways]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        _close(client)
        _close(server)

    def _forward(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        with suppress(OSError, EOFError):
            while True:
                head = _take(source, 5)
                body = _take(source, struct.unpack("!i", head[1:])[0] - 4)
                is_due = self._note(direction, chr(head[0]))
                if is_due and not self.is_after:
                    break
                target.sendall(head + body)
                if is_due:
                    break
        _close(source)
        _close(target)

    def _note(self, direction: Direction, kind: str) -> bool:
        """Count a message; return if the connection is cut at it."""
        with self._lock:
            number = len(self.messages)
            self.messages.append(Message(number=number, direction=direction, kind=kind))
            is_due = number == self.cut_at
            self.has_cut = self.has_cut or is_due
        if is_due and self.then:
            self.then()
        return is_due and self.is_cut


def _take(source: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = source.recv(length - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
