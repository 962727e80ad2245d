"""Many accounts in one run: a bounded crew of threads, each account's load on its own. What a load does is in ``load``.

Threads overlap the waiting for amoCRM and Postgres. What is left is Python's own work, which a process does one by one.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Final

from sqlalchemy import Engine

from pipelines.alerts.send import send_size_alerts
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import ApiError, Blocked, DatabaseError, DatabaseUnavailable, RateLimited, Superseded
from pipelines.config.settings import AnyAccount, Settings
from pipelines.load.failure_record import require_usable
from pipelines.load.load import load_account
from pipelines.load.result import LoadResult, Status, report_error, report_skipped
from pipelines.warehouse.engine import transaction

GRACE_SECONDS: Final = 5.0
"""How long loads that are on their way may take to end when the fleet is ended. Then they are left, with their threads:
whatever they had not committed is rolled back."""

MAX_CONSECUTIVE_REFUSALS: Final = 5
"""So many accounts that amoCRM refuses as too fast, or blocks, one after the other: it is this machine's address."""


GC_THRESHOLD: Final = 100_000
"""Objects after which Python looks for cycles in them, in place of some hundreds or thousands. A load makes so many,
next to none in a cycle; looking through them over and over took a tenth of its time."""


class _FleetStopped(BaseException):
    """Ends a load that is waiting for its turn while the fleet is being ended. It is no error, so nothing notes it."""


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
    """Load the accounts, ``threads`` at a time; the outcome of each once it is there, in the order in which they end.

    No error leaves this function: each is its account's outcome. Passing troubles are tried once more, after all others
    and at least ``again_after`` seconds later, unless that is None. Where the database is gone, or amoCRM refuses this
    machine, the accounts that are left are skipped. ``on_error`` is shown every error, in the thread where it happened.
    Whoever stops asking for outcomes ends the fleet.
    """
    pool = _WorkerPool(engine=engine, settings=settings, clock=clock, run_id=run_id, on_error=on_error)
    by_key = {account.key: account for account in accounts}
    to_retry: list[LoadResult] = []
    with _rare_garbage_collection():
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
class _WorkerPool:
    """The threads, and what they know together."""

    engine: Engine
    settings: Settings
    clock: Clock
    run_id: str | None
    on_error: Callable[[Exception], object]
    stopping: Event = field(default_factory=Event)
    stop_reason: str = "The fleet was ended before its turn came."
    consecutive_refusals: int = 0
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)

    def load_all(self, accounts: Sequence[AnyAccount], threads: int) -> Iterator[LoadResult]:
        """Every account's outcome."""
        queue, done = deque(accounts), SimpleQueue[LoadResult]()

        def work() -> None:
            while True:
                try:
                    account = queue.popleft()
                except IndexError:
                    return
                done.put(self.load(account))

        # Daemons: a thread that hangs in a request does not keep the program from ending.
        self._threads = [
            Thread(target=work, name=f"fleet-{number}", daemon=True) for number in range(min(threads, len(accounts)))
        ]
        for thread in self._threads:
            thread.start()
        for _ in accounts:
            yield done.get()

    def load(self, account: AnyAccount) -> LoadResult:
        """Load one account; whatever happens is its outcome."""
        started_at = self.clock.now()
        status: Status = "skipped"
        loaded, failure, alert_error = None, None, None
        if not self.stopping.is_set():
            clock = Clock(now=self.clock.now, sleep=self.wait)
            try:
                usable_account = require_usable(self.engine, account, clock=clock, run_id=self.run_id)
                loaded = load_account(self.engine, usable_account, self.settings, clock=clock, run_id=self.run_id)
                status = "loaded"
                alert_error = send_size_alerts(self.engine, usable_account, self.settings, clock=clock).failure
            except _FleetStopped:
                pass
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this account's own
                failure = report_error(error, account.key)
                status = "superseded" if isinstance(error, Superseded) else "failed"
                with suppress(Exception):  # who is shown an error may be gone, as `head` is behind a pipe
                    self.on_error(error)
                self._stop_if_systemic(error)
        if loaded:
            self.consecutive_refusals = 0
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
        """Wait, but not for a fleet that is being ended."""
        if self.clock.sleep is time.sleep:
            self.stopping.wait(seconds)
        else:
            self.clock.sleep(seconds)
        if self.stopping.is_set():
            raise _FleetStopped

    def end(self) -> None:
        """Begin nothing more, and give what is on its way a moment to end."""
        self.stopping.set()
        end = time.monotonic() + GRACE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _stop_if_systemic(self, error: Exception) -> None:
        """Stop the fleet where an error is not one account's own."""
        if isinstance(error, DatabaseUnavailable) and not self._reaches_database():
            self._stop(f"Nothing more was asked, since the database is gone: {error.message}")
        elif isinstance(error, Blocked | RateLimited) and _reached_amocrm(error):
            with self._lock:
                self.consecutive_refusals += 1
            if self.consecutive_refusals >= MAX_CONSECUTIVE_REFUSALS:
                self._stop(
                    f"Nothing more was asked, since amoCRM refused {MAX_CONSECUTIVE_REFUSALS} accounts in a row, the last so: "
                    f"{error.message}"
                )

    def _stop(self, reason: str) -> None:
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
def _rare_garbage_collection() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _reached_amocrm(error: ApiError) -> bool:
    """Whether amoCRM itself has said so now, rather than a note of ours about the host."""
    return error.status is not None
