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

from pipelines.clock import SYSTEM_CLOCK, Clock
from pipelines.errors import ApiError, Blocked, DatabaseError, DatabaseUnavailable, RateLimited, Superseded
from pipelines.failure_note import usable
from pipelines.load import load_account
from pipelines.outcome import Outcome, Status, skipped, trouble_of
from pipelines.settings import AnyAccount, Settings
from pipelines.size_alerts.tell import tell_of_sizes
from pipelines.warehouse.engine import transaction

GRACE_SECONDS: Final = 5.0
"""How long loads that are on their way may take to end when the fleet is ended. Then they are left, with their threads:
whatever they had not committed is rolled back."""

REFUSED_IN_A_ROW: Final = 5
"""So many accounts that amoCRM refuses as too fast, or blocks, one after the other: it is this machine's address."""


NEW_OBJECTS: Final = 100_000
"""Objects after which Python looks for cycles in them, in place of some hundreds or thousands. A load makes so many,
next to none in a cycle; looking through them over and over took a tenth of its time."""


class _Stopped(BaseException):
    """Ends a load that is waiting for its turn while the fleet is being ended. It is no error, so nothing notes it."""


def load_fleet(
    engine: Engine,
    accounts: Sequence[AnyAccount],
    settings: Settings,
    *,
    threads: int,
    clock: Clock = SYSTEM_CLOCK,
    run_id: str | None = None,
    again_after: float | None = None,
    on_error: Callable[[Exception], object] = lambda _: None,
) -> Generator[Outcome, None, None]:
    """Load the accounts, ``threads`` at a time; the outcome of each once it is there, in the order in which they end.

    No error leaves this function: each is its account's outcome. Passing troubles are tried once more, after all others
    and at least ``again_after`` seconds later, unless that is None. Where the database is gone, or amoCRM refuses this
    machine, the accounts that are left are skipped. ``on_error`` is shown every error, in the thread where it happened.
    Whoever stops asking for outcomes ends the fleet.
    """
    crew = _Crew(engine=engine, settings=settings, clock=clock, run_id=run_id, on_error=on_error)
    by_key = {account.key: account for account in accounts}
    later: list[Outcome] = []
    with _collecting_rarely():
        try:
            for outcome in crew.work_through(accounts, threads):
                if again_after is not None and outcome.is_passing and not crew.stopping.is_set():
                    later.append(outcome)
                else:
                    yield outcome
            if crew.stopping.is_set():
                yield from later
            elif later and again_after is not None:
                since = (clock.now() - max(outcome.ended_at for outcome in later)).total_seconds()
                crew.wait(max(0.0, again_after - since))
                yield from crew.work_through([by_key[outcome.account_key] for outcome in later], threads)
        finally:
            crew.end()


@dataclass(kw_only=True, slots=True)
class _Crew:
    """The threads, and what they know together."""

    engine: Engine
    settings: Settings
    clock: Clock
    run_id: str | None
    on_error: Callable[[Exception], object]
    stopping: Event = field(default_factory=Event)
    why_stopped: str = "The fleet was ended before its turn came."
    refused_in_a_row: int = 0
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)

    def work_through(self, accounts: Sequence[AnyAccount], threads: int) -> Iterator[Outcome]:
        """Every account's outcome."""
        todo, done = deque(accounts), SimpleQueue[Outcome]()

        def work() -> None:
            while True:
                try:
                    account = todo.popleft()
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

    def load(self, account: AnyAccount) -> Outcome:
        """Load one account; whatever happens is its outcome."""
        started_at = self.clock.now()
        status: Status = "skipped"
        loaded, trouble, untold = None, None, None
        if not self.stopping.is_set():
            clock = Clock(now=self.clock.now, sleep=self.wait)
            try:
                known = usable(self.engine, account, clock=clock, run_id=self.run_id)
                loaded = load_account(self.engine, known, self.settings, clock=clock, run_id=self.run_id)
                status = "loaded"
                untold = tell_of_sizes(self.engine, known, self.settings, clock=clock).trouble
            except _Stopped:
                pass
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this account's own
                trouble = trouble_of(error, account.key)
                status = "superseded" if isinstance(error, Superseded) else "failed"
                with suppress(Exception):  # who is shown an error may be gone, as `head` is behind a pipe
                    self.on_error(error)
                self._judge(error)
        if loaded:
            self.refused_in_a_row = 0
        elif trouble is None:
            trouble = skipped(self.why_stopped, account.key)
        return Outcome(
            account_key=account.key,
            started_at=started_at,
            ended_at=self.clock.now(),
            status=status,
            loaded=loaded,
            trouble=trouble,
            untold=untold,
        )

    def wait(self, seconds: float) -> None:
        """Wait, but not for a fleet that is being ended."""
        if self.clock.sleep is time.sleep:
            self.stopping.wait(seconds)
        else:
            self.clock.sleep(seconds)
        if self.stopping.is_set():
            raise _Stopped

    def end(self) -> None:
        """Begin nothing more, and give what is on its way a moment to end."""
        self.stopping.set()
        end = time.monotonic() + GRACE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _judge(self, error: Exception) -> None:
        """Stop the fleet where an error is not one account's own."""
        if isinstance(error, DatabaseUnavailable) and not self._reaches_database():
            self._stop(f"Nothing more was asked, since the database is gone: {error.message}")
        elif isinstance(error, Blocked | RateLimited) and _is_answered(error):
            with self._lock:
                self.refused_in_a_row += 1
            if self.refused_in_a_row >= REFUSED_IN_A_ROW:
                self._stop(
                    f"Nothing more was asked, since amoCRM refused {REFUSED_IN_A_ROW} accounts in a row, the last so: "
                    f"{error.message}"
                )

    def _stop(self, why: str) -> None:
        with self._lock:
            if not self.stopping.is_set():
                self.why_stopped = why
                self.stopping.set()

    def _reaches_database(self) -> bool:
        try:
            with transaction(self.engine):
                return True
        except DatabaseError:
            return False


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _is_answered(error: ApiError) -> bool:
    """Whether amoCRM itself has said so now, rather than a note of ours about the host."""
    return error.status is not None
