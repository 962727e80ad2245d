"""Deadline for a whole HTTP exchange: a socket's own timeout restarts with every byte received."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


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
        timer = threading.Timer(max(seconds, 0.0), self._time_out)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # so that it cannot close the next exchange

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
            def _new_conn(self) -> socket.socket:
                return watchdog.watch(super()._new_conn())

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return watchdog.watch(super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
