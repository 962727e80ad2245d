"""Load a fleet in worker processes, so that accounts are parsed on several cores.

This process hands out accounts and collects results. Workers are forked from it, so they import
nothing again, and load in threads. They share the rate limit as all processes of a data folder do.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import RawValue
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine

from pipelines.base.clock import SYSTEM_CLOCK
from pipelines.base.errors import LoaderKilled, SettingsError
from pipelines.config.settings import AnyAccount, Settings
from pipelines.load.context import LoadContext
from pipelines.load.failure_record import failures_recorded
from pipelines.load.fleet import (
    GRACE_SECONDS,
    SIGNAL_CHECK_SECONDS,
    LoaderPool,
    rare_garbage_collection,
)
from pipelines.load.result import LoadResult, report_error, report_skipped

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""Signals that only the distributing process handles: a terminal sends them to all."""

OnError: TypeAlias = Callable[[Exception], object]
Channel: TypeAlias = "Connection[Any, Any]"
"""To a worker: an account's index, the reason to skip the rest, or None to end. From it: index and result."""


@contextmanager
def worker_fleet(
    engine: Engine, accounts: Sequence[AnyAccount], settings: Settings, *, workers: int, on_error: OnError
) -> Iterator[Iterator[LoadResult]]:
    """Load the accounts in so many processes, and yield an iterator of the results.

    Call it before any thread is started. A killed worker fails only the accounts that it was loading.
    """
    engine.dispose()  # workers must not inherit a connection
    fleet = _Fleet(engine, accounts, settings, threads=-(-settings.threads // workers))
    try:
        gc.freeze()  # keeps the memory that processes share from being written to
        for _ in range(workers):
            fleet.start_worker(on_error)
        yield fleet.results()
    finally:
        gc.unfreeze()
        fleet.end()


@dataclass(slots=True)
class _Worker:
    """A worker process, with the accounts that it is loading."""

    process_id: int
    channel: Channel
    loading: dict[int, datetime] = field(default_factory=dict)  # start by index of the account

    def send(self, message: int | str | None) -> None:
        """Send a message; a killed worker is noticed when its channel is read."""
        with suppress(OSError):
            self.channel.send(message)

    def wait_for_exit(self) -> str:
        """Wait for the end of the process; return what ended it, for messages."""
        self.channel.close()
        code = os.waitstatus_to_exitcode(os.waitpid(self.process_id, 0)[1])
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


@dataclass(slots=True)
class _Fleet:
    """Accounts to load, and the workers that load them."""

    engine: Engine
    accounts: Sequence[AnyAccount]
    settings: Settings
    threads: int  # of each worker
    refusals: Any = field(default_factory=lambda: RawValue("i", 0))
    workers: list[_Worker] = field(default_factory=list)
    stop_reason: str | None = None

    def start_worker(self, on_error: OnError) -> None:
        """Fork a worker."""
        ours, theirs = Pipe()
        # A signal must not reach the worker before it ignores signals.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process_id = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise SettingsError(
                f"A worker process could not be started: {error.strerror}.",
                advice="Set AMOCRM_WORKERS=1, or allow more memory and processes.",
            ) from None
        if process_id == 0:
            try:
                for number in SIGNALS:
                    signal.signal(number, signal.SIG_IGN)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                for channel in (ours, *(worker.channel for worker in self.workers)):
                    channel.close()  # or no one would notice when the other end is gone
                pool = LoaderPool(
                    engine=self.engine,
                    settings=self.settings,
                    clock=SYSTEM_CLOCK,
                    run_id=None,
                    on_error=on_error,
                    refusals=self.refusals,
                )
                _serve(theirs, self.accounts, pool, self.threads)
            finally:
                os._exit(0)  # contexts and output that is not flushed belong to the other process
        self.workers.append(_Worker(process_id, ours))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()

    def results(self) -> Iterator[LoadResult]:
        """Distribute the accounts, and yield their results."""
        waiting, missing = deque(range(len(self.accounts))), len(self.accounts)
        while missing:
            while waiting and (free := [worker for worker in self.workers if len(worker.loading) < self.threads]):
                worker = min(free, key=lambda worker: len(worker.loading))
                worker.loading[waiting[0]] = SYSTEM_CLOCK.now()
                worker.send(waiting.popleft())
            if not self.workers:
                yield from (self._skipped(index) for index in waiting)
                return
            try:
                arrived = list(self._receive(SIGNAL_CHECK_SECONDS))
            except BaseException:  # of a signal's handler
                arrived = self.end()
                yield from arrived
                if len(arrived) < missing:
                    raise
                return
            missing -= len(arrived)
            yield from arrived

    def end(self) -> list[LoadResult]:
        """Let no more loads begin to publish, return the results of those that have, and end the workers."""
        for worker in self.workers:
            worker.send(None)
        arrived: list[LoadResult] = []
        deadline = time.monotonic() + GRACE_SECONDS + 1
        try:
            while self.workers and time.monotonic() < deadline:
                arrived += self._receive(SIGNAL_CHECK_SECONDS, has_ended=True)
        finally:
            for worker in self.workers:
                os.kill(worker.process_id, signal.SIGKILL)
                worker.wait_for_exit()
            self.workers.clear()
        return [result for result in arrived if result.status != "skipped"]

    def _receive(self, seconds: float, *, has_ended: bool = False) -> Iterator[LoadResult]:
        """Yield the results that arrive, and errors of accounts whose worker was killed before it was to end."""
        by_channel = {worker.channel: worker for worker in self.workers}
        for channel in wait(list(by_channel), seconds):
            worker = by_channel[channel]  # type: ignore[index]  # only connections were passed
            try:
                index, result = worker.channel.recv()
            except (EOFError, OSError):
                self.workers.remove(worker)
                ending = worker.wait_for_exit()
                if not has_ended:
                    yield from (self._killed(index, ending, since) for index, since in worker.loading.items())
                continue
            del worker.loading[index]
            if result.status == "skipped" and self.stop_reason is None and not has_ended:
                self.stop_reason = result.failure.message
                for other in self.workers:
                    other.send(self.stop_reason)
            yield result

    def _killed(self, index: int, ending: str, started_at: datetime) -> LoadResult:
        """Record and return the failure of an account whose worker was killed."""
        account = self.accounts[index]
        error = LoaderKilled(f"The process that loaded it was killed ({ending}).")
        with suppress(LoaderKilled), failures_recorded(LoadContext(self.engine, account, self.settings), started_at):
            raise error
        return LoadResult(
            account_key=account.key,
            started_at=started_at,
            ended_at=SYSTEM_CLOCK.now(),
            status="failed",
            failure=report_error(error, account.key),
        )

    def _skipped(self, index: int) -> LoadResult:
        """Return the result of an account for which no worker is left."""
        key, now = self.accounts[index].key, SYSTEM_CLOCK.now()
        failure = report_skipped("Not loaded because all worker processes were killed.", key)
        return LoadResult(account_key=key, started_at=now, ended_at=now, status="skipped", failure=failure)


def _serve(channel: Channel, accounts: Sequence[AnyAccount], pool: LoaderPool, threads: int) -> None:
    """Load the accounts whose indexes arrive, in threads, until the other process ends this one or itself."""
    indexes, lock = SimpleQueue[int](), Lock()

    def work() -> None:
        while True:
            index = indexes.get()
            result = pool.load(accounts[index])
            with lock, suppress(OSError):
                channel.send((index, result))
            pool.finish_publishing()

    for number in range(threads):
        Thread(target=work, name=f"fleet-{number}", daemon=True).start()
    with rare_garbage_collection(), suppress(EOFError, OSError):
        while (message := channel.recv()) is not None:
            if isinstance(message, str):
                pool.stop(message)
            else:
                indexes.put(message)
    pool.end()
