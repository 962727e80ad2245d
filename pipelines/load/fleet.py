"""Load many accounts in one process, with a pool of threads.

Threads overlap the waits for amoCRM and Postgres. Parsing is bound by Python's global lock and runs
one at a time; ``worker_processes`` uses several cores.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Condition, Event, Lock, Thread, current_thread
from typing import Final

from sqlalchemy import Engine

from pipelines.alerts.after_load import send_alerts
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import ApiError, Blocked, DatabaseError, DatabaseUnavailable, RateLimited, Superseded
from pipelines.config.settings import AnyAccount, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.load.result import LoadResult, Status, report_error, report_skipped
from pipelines.warehouse.engine import transaction

GRACE_SECONDS: Final = 8.0
"""Time that loads have to finish publishing when the fleet ends early. Those that have not begun to publish
are abandoned at once. Below the ten seconds after which Docker kills."""

MAX_CONSECUTIVE_REFUSALS: Final = 5
"""After this many consecutive 429s or blocks, assume this machine's address is the cause and
stop."""

SIGNAL_CHECK_SECONDS: Final = 0.2
"""Time until a signal is noticed that arrives just before a wait for a lock, which it then does not interrupt."""

GC_THRESHOLD: Final = 100_000
"""Allocations between runs of Python's cycle collector. A load allocates many objects and almost no
cycles; with the default threshold, collection took a tenth of its time."""


class _FleetStopped(BaseException):
    """Ends a load that waits while the fleet stops, or that has not begun to publish when the fleet ends.

    Not an ``Exception``, so it is not recorded as a failure.
    """


@dataclass(slots=True)
class RefusalCount:
    """Consecutive refusals. Worker processes share one in shared memory instead."""

    value: int = 0


def load_fleet(
    engine: Engine,
    accounts: Sequence[AnyAccount],
    settings: Settings,
    *,
    threads: int,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
    retry_after: float | None = None,
    on_error: Callable[[Exception], object] = lambda _: None,
) -> Generator[LoadResult, None, None]:
    """Load the accounts, ``threads`` at a time, and yield each result as its load ends.

    Errors are returned in the results, never raised. Accounts with a transient error are retried
    once, after all others and at least ``retry_after`` seconds later; None disables that. If the
    database is gone, or amoCRM refuses this machine, the remaining accounts are skipped.
    ``on_error`` is called with every error, in the thread that raised it. Closing the generator
    stops the remaining loads. A signal's exception, such as ``KeyboardInterrupt``, does so too: it is
    raised again unless all loads were about to publish, since then all are loaded.
    """
    pool = LoaderPool(engine=engine, settings=settings, clock=clock, run_id=run_id, on_error=on_error)
    by_key = {account.key: account for account in accounts}
    to_retry: list[LoadResult] = []
    with rare_garbage_collection():
        try:
            for result in pool.load_all(accounts, threads):
                if retry_after is not None and result.is_transient and not pool.stopping.is_set():
                    to_retry.append(result)
                else:
                    yield result
            if pool.stopping.is_set():
                yield from to_retry
            elif to_retry and retry_after is not None:
                seconds_since = (clock.now() - max(result.ended_at for result in to_retry)).total_seconds()
                pool.wait(max(0.0, retry_after - seconds_since))
                yield from pool.load_all([by_key[result.account_key] for result in to_retry], threads)
        finally:
            pool.end()


@dataclass(kw_only=True, slots=True)
class LoaderPool:
    """Threads of a fleet, and their shared state."""

    engine: Engine
    settings: Settings
    clock: Clock
    run_id: str | None
    on_error: Callable[[Exception], object]
    stopping: Event = field(default_factory=Event)
    stop_reason: str = "The fleet was stopped before this account was loaded."
    refusals: RefusalCount = field(default_factory=RefusalCount)
    _has_ended: bool = False
    _publishing: set[Thread] = field(default_factory=set)  # threads whose load has begun to publish
    _changed: Condition = field(default_factory=Condition)  # of the two above
    _lock: Lock = field(default_factory=Lock)

    def load_all(self, accounts: Sequence[AnyAccount], threads: int) -> Iterator[LoadResult]:
        """Load the accounts in threads, and yield their results."""
        queue, done = deque(accounts), SimpleQueue[LoadResult]()

        def work() -> None:
            while True:
                try:
                    account = queue.popleft()
                except IndexError:
                    return
                done.put(self.load(account))
                self.finish_publishing()

        # Daemon threads, so that a hanging request does not keep the program from exiting.
        for number in range(min(threads, len(accounts))):
            Thread(target=work, name=f"fleet-{number}", daemon=True).start()
        for count in range(len(accounts)):
            try:
                result = _wait_for(done)
            except BaseException:  # of a signal's handler
                self.end()
                finished = [result for _ in range(done.qsize()) if (result := done.get()).status != "skipped"]
                yield from finished
                if count + len(finished) < len(accounts):
                    raise
                return
            yield result

    def load(self, account: AnyAccount) -> LoadResult:
        """Load one account and send its alerts; an error becomes part of the result."""
        started_at = self.clock.now()
        status: Status = "skipped"
        loaded, failure, alert_error = None, None, None
        if not self.stopping.is_set():
            clock = Clock(now=self.clock.now, sleep=self.wait)
            context = LoadContext(
                self.engine,
                account,
                self.settings,
                clock=clock,
                run_id=self.run_id,
                before_publishing=self._begin_publishing,
            )
            try:
                loaded = load_account(context)
                status = "loaded"
                alert_error = send_alerts(self.engine, context.account, self.settings, clock=clock).failure
            except _FleetStopped:
                pass
            except Exception as error:  # noqa: BLE001 - one account's error must not stop the others
                failure = report_error(error, account.key)
                status = "superseded" if isinstance(error, Superseded) else "failed"
                with suppress(Exception):  # the output may be gone, for example a closed pipe to `head`
                    self.on_error(error)
                self._stop_if_systemic(error)
        if loaded:
            self.refusals.value = 0
        elif failure is None:
            failure = report_skipped(self.stop_reason, account.key)
        return LoadResult(
            account_key=account.key,
            started_at=started_at,
            ended_at=self.clock.now(),
            status=status,
            loaded=loaded,
            failure=failure,
            alert_error=alert_error,
        )

    def wait(self, seconds: float) -> None:
        """Sleep; raise ``_FleetStopped`` as soon as the fleet stops."""
        if self.clock.sleep is time.sleep:
            self.stopping.wait(seconds)
        else:
            self.clock.sleep(seconds)
        if self.stopping.is_set():
            raise _FleetStopped

    def end(self) -> None:
        """Let no more loads begin to publish, and wait up to ``GRACE_SECONDS`` for those that have."""
        self.stopping.set()
        with self._changed:
            self._has_ended = True
            self._changed.wait_for(lambda: not self._publishing, GRACE_SECONDS)

    def _begin_publishing(self) -> None:
        """Raise ``_FleetStopped`` if the fleet has ended; otherwise it waits for this thread's load."""
        with self._changed:
            if self._has_ended:
                raise _FleetStopped
            self._publishing.add(current_thread())

    def finish_publishing(self) -> None:
        """End the wait for this thread's load."""
        with self._changed:
            self._publishing.discard(current_thread())
            self._changed.notify_all()

    def _stop_if_systemic(self, error: Exception) -> None:
        """Stop the fleet if the error will hit all accounts: the database is gone, or amoCRM refuses this machine."""
        if isinstance(error, DatabaseUnavailable) and not self._reaches_database():
            self.stop(f"Not loaded because the database is gone: {error.message}")
        elif isinstance(error, Blocked | RateLimited) and _reached_amocrm(error):
            with self._lock:
                self.refusals.value += 1
            if self.refusals.value >= MAX_CONSECUTIVE_REFUSALS:
                self.stop(
                    f"Not loaded because amoCRM refused {MAX_CONSECUTIVE_REFUSALS} accounts in a row, the last with: "
                    f"{error.message}"
                )

    def stop(self, reason: str) -> None:
        """Skip all accounts that are not being loaded yet, for that reason."""
        with self._lock:
            if not self.stopping.is_set():
                self.stop_reason = reason
                self.stopping.set()

    def _reaches_database(self) -> bool:
        try:
            with transaction(self.engine):
                return True
        except DatabaseError:
            return False


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Raise the threshold of Python's cycle collector within the context."""
    thresholds = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _reached_amocrm(error: ApiError) -> bool:
    """Tell if amoCRM itself refused, as opposed to our record of an earlier block."""
    return error.status is not None


def _wait_for(results: SimpleQueue[LoadResult]) -> LoadResult:
    """Return the next result; let signals interrupt the wait."""
    while True:
        with suppress(Empty):
            return results.get(timeout=SIGNAL_CHECK_SECONDS)
