"""Step several loads in threads, one at a time, in a given order.

A step is a statement, the end of a COPY, a commit, or a request to amoCRM. A load that waits for a lock in Postgres is
noticed, and another continues. A load can die at a step: its connection is cut.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from unittest.mock import patch

import psycopg

from pipelines.amocrm.http import Transport
from pipelines.amocrm.messages import Request

PATIENCE: Final = 60.0
"""Seconds within which a load must step or wait for a lock."""

BLOCKED: Final = "select pid from unnest(%s::int[]) as pid where cardinality(pg_blocking_pids(pid)) > 0"
THERE: Final = "select count(*) from pg_stat_activity where pid = any(%s)"


class Killed(BaseException):
    """Ends a load that dies. No error handler catches it."""


@dataclass(kw_only=True, eq=False)
class Walker:
    """One load and its progress."""

    number: int
    work: Callable[[], object]
    death: int | None = None  # the deed at which it dies, counted from 0
    state: Literal["waiting", "going", "done"] = "going"
    may_go: bool = False
    is_dead: bool = False
    deeds: int = 0
    error: BaseException | None = None
    backend: int = 0  # Postgres' process that it uses
    cut: set[int] = field(default_factory=set)  # those that served it when it died


@dataclass(kw_only=True)
class Stepping:
    """Steps several loads. ``choose`` returns the next one, and may change the account too."""

    url: str
    choose: Callable[[Sequence[Walker]], Walker]
    on_request: Callable[[Walker, Request], object] = lambda *_: None  # told of each request before it is sent
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _walkers: dict[int, Walker] = field(default_factory=dict)  # by thread

    def walk(self, walkers: Sequence[Walker]) -> None:
        """Step all loads to their end. Raises ``TimeoutError`` if one hangs."""
        with psycopg.connect(self.url, autocommit=True) as watch, self._stepped_functions():
            threads = [threading.Thread(target=self._go, args=(one,), daemon=True) for one in walkers]
            for thread in threads:
                thread.start()
            self._settle(walkers, watch)
            while any(one.state != "done" for one in walkers):
                waiting = [one for one in walkers if one.state == "waiting"]
                if waiting:
                    chosen = self.choose(waiting)
                    with self._changed:
                        chosen.may_go, chosen.state = True, "going"
                        self._changed.notify_all()
                self._settle(walkers, watch, is_anybody_waiting=bool(waiting))
            for thread in threads:
                thread.join(PATIENCE)

    def _go(self, walker: Walker) -> None:
        self._walkers[threading.get_ident()] = walker
        try:
            walker.work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is to be judged
            walker.error = error
        finally:
            del self._walkers[threading.get_ident()]
            with self._changed:
                walker.state = "done"
                self._changed.notify_all()

    def _settle(self, walkers: Sequence[Walker], watch: psycopg.Connection, *, is_anybody_waiting: bool = True) -> None:
        """Wait until each load is at a step, has ended, or waits for a lock of a load at a step."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self._changed:
                self._changed.wait_for(lambda: all(one.state != "going" for one in walkers), 0.002)
                going = [one.backend for one in walkers if one.state == "going"]
                dead = [backend for one in walkers for backend in one.cut]
            blocked = {row[0] for row in watch.execute(BLOCKED, (going,))} if going else set()
            # Where all wait for locks, Postgres itself has to end one of them.
            is_quiet = blocked.issuperset(going) and (is_anybody_waiting or not going)
            # A killed load's backend may wait for a lock with a statement that was sent already.
            ended = [backend for backend in dead if (backend,) not in watch.execute(BLOCKED, (dead,)).fetchall()]
            if is_quiet and not (ended and watch.execute(THERE, (ended,)).fetchone() != (0,)):
                return
        raise TimeoutError(f"no end: {'; '.join(self._where_they_are())}")

    def _where_they_are(self) -> Iterator[str]:
        """Describe each unfinished load."""
        frames = sys._current_frames()  # noqa: SLF001 - there is no other way
        for thread, one in list(self._walkers.items()):
            at = traceback.extract_stack(frames[thread])[-1]
            served = f"backend {one.backend}, cut {sorted(one.cut)}"
            yield f"load {one.number} is {one.state} after {one.deeds} deeds, {served}, at {at.filename}:{at.lineno}"

    def _pass(self, connection: psycopg.Connection[Any] | None = None) -> Walker | None:
        """Wait for this thread's turn if it runs a load; die if due."""
        walker = self._walkers.get(threading.get_ident())
        if walker is None:
            return None
        with self._changed:
            if not walker.is_dead:
                walker.state = "waiting"
                self._changed.notify_all()
                self._changed.wait_for(lambda: walker.may_go)
                walker.may_go = False
                walker.is_dead = walker.deeds == walker.death
                walker.deeds += 1
            is_connected = connection is not None and not connection.closed
            walker.backend = connection.info.backend_pid if connection is not None and is_connected else 0
        if walker.is_dead:
            if connection is not None and is_connected:
                walker.cut.add(walker.backend)
                _cut(connection)
            raise Killed
        return walker

    @contextmanager
    def _stepped_functions(self) -> Iterator[None]:
        """Make each step of each load wait for its turn."""
        commit, end_copy, send = psycopg.Connection.commit, psycopg.Copy.__exit__, Transport.send
        step = self

        def stepped(do: Callable[..., Any]) -> Callable[..., Any]:
            def wait_and_do(self: psycopg.Cursor[Any], *args: Any, **options: Any) -> Any:
                step._pass(self.connection)
                return do(self, *args, **options)

            return wait_and_do

        def stepped_commit(self: psycopg.Connection[Any]) -> None:
            step._pass(self)
            commit(self)

        def stepped_end(self: psycopg.Copy, *args: Any) -> None:
            try:
                step._pass(self.connection)
            except Killed as death:
                with suppress(psycopg.Error):
                    end_copy(self, Killed, death, None)
                raise
            end_copy(self, *args)

        def stepped_send(self: Transport, request: Request, *args: Any, **options: Any) -> Any:
            if walker := step._pass():
                step.on_request(walker, request)
            return send(self, request, *args, **options)

        with (
            patch.object(psycopg.Cursor, "execute", stepped(psycopg.Cursor.execute)),
            patch.object(psycopg.Cursor, "executemany", stepped(psycopg.Cursor.executemany)),
            patch.object(psycopg.Connection, "commit", stepped_commit),
            patch.object(psycopg.Copy, "__exit__", stepped_end),
            patch.object(Transport, "send", stepped_send),
        ):
            yield


def _cut(connection: psycopg.Connection[Any]) -> None:
    """Shut a connection down as the end of its process does."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as its:
        its.shutdown(socket.SHUT_RDWR)
