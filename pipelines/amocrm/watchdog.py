"""Deadline for a whole HTTP exchange: a socket's own timeout restarts with every byte received."""

from __future__ import annotations

import http.client
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadlines:
    """Calls at deadlines, by one thread for the whole process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all calls."""
        self._condition = threading.Condition()
        self._calls: dict[object, tuple[float, Callable[[], None]]] = {}
        self._next_check: float | None = None  # None: the thread has not been started

    def add(self, seconds: float, call: Callable[[], None]) -> object:
        """Call ``call`` in ``seconds``, unless the returned key is removed before."""
        key, at = object(), time.monotonic() + seconds
        with self._condition:
            self._calls[key] = at, call
            if self._next_check is None:
                self._next_check = at
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
            elif at < self._next_check:
                self._condition.notify()
        return key

    def remove(self, key: object) -> None:
        """Remove a call. If it has begun, wait for its end, so that it cannot close the next exchange."""
        with self._condition:
            self._calls.pop(key, None)

    def _run(self) -> None:
        """Make each call at its time. The lock is held meanwhile: see ``remove``."""
        with self._condition:
            while True:
                now = time.monotonic()
                for key in [key for key, (at, _) in self._calls.items() if at <= now]:
                    self._calls.pop(key)[1]()
                self._next_check = min((at for at, _ in self._calls.values()), default=math.inf)
                self._condition.wait(min(self._next_check - now, threading.TIMEOUT_MAX))


DEADLINES: Final = Deadlines()
# A forked process has no threads, and a copy of the lock that may be taken.
os.register_at_fork(after_in_child=DEADLINES.reset)


class Watchdog:
    """Close a connection at a deadline, in the handshake, the headers or the body."""

    def __init__(self) -> None:
        self.has_timed_out = False
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()

    def watch(self, connection: socket.socket) -> socket.socket:
        """Watch a new connection by a duplicate of its descriptor, since TLS takes over the original."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = connection.dup()
            if self.has_timed_out:
                self._close_connection()
        return connection

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Close the connection after ``seconds`` inside the block."""
        self.has_timed_out = False
        deadline = DEADLINES.add(seconds, self._time_out)
        try:
            yield
        finally:
            DEADLINES.remove(deadline)

    def disconnect(self) -> None:
        """Close the connection now."""
        with self._lock:
            self._close_connection()

    def _time_out(self) -> None:
        """Record the timeout and close the connection."""
        with self._lock:
            self.has_timed_out = True
            self._close_connection()

    def _close_connection(self) -> None:
        """Shut down and close the watched descriptor; the caller holds the lock."""
        if self._handle is None:
            return
        with suppress(OSError):  # it may be closed already
            self._handle.shutdown(socket.SHUT_RDWR)
        self._handle.close()
        self._handle = None


class FinalResponse(http.client.HTTPResponse):
    """Response after any informational ones, such as 103 (RFC 9110, 15.2): the standard library skips only 100."""

    def _read_status(self) -> tuple[str, int, str]:
        """Read status lines up to that of the final response. 101 is final: the protocol changes."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS or not 100 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class WatchedAdapter(HTTPAdapter):
    """HTTP adapter whose connections the watchdog watches, one at a time."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create a pool whose connections register with the watchdog when they open."""
        super().init_poolmanager(*args, **kwargs)
        watchdog = self._watchdog

        class Plain(HTTPConnection):
            response_class = FinalResponse

            def _new_conn(self) -> socket.socket:
                return watchdog.watch(super()._new_conn())

        class Secure(HTTPSConnection):
            response_class = FinalResponse

            def _new_conn(self) -> socket.socket:
                return watchdog.watch(super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
