"""Account under test: an emulated account with a history, loads through faults, and verdicts.

The emulator's own world is the oracle: nothing that the loader reports about itself is trusted.
"""

from __future__ import annotations

import logging
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Engine, make_url

from emulator import Clock as EmulatorClock
from emulator import Emulator
from emulator.entities import Mode
from emulator.faults import Effect
from faults import oracle
from faults.case import Trial, Verdict
from faults.harness import Harness
from faults.invariants import broken
from faults.secrecy import forms
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.limits import Limits
from pipelines.amocrm.rate_limiter import RateLimiters
from pipelines.base.clock import Clock
from pipelines.base.errors import WarehouseError
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.load.rebuild import rebuild_account
from pipelines.warehouse.engine import open_engine

BEGIN: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PAGE: Final = 3
"""Rows on a page: seven rows make a first, a middle and a last page."""

NO_LIMITS: Final[Mapping[str, float]] = {}
IMPATIENT: Final[Mapping[str, float]] = {
    "connect_seconds": 2.0,
    "read_seconds": 0.3,
    "response_seconds": 0.6,
    "transient_retries": 1,
}
"""Short deadlines for slow faults."""


REBUILT_IN_QUICK: Final = 0.25
"""Share of accounts whose tables a quick run rebuilds, which takes as long as two loads."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """State of an account at one instant, as the warehouse must store it."""

    segments: tuple[Any, ...]
    fields: dict[int, Any]
    stages: tuple[Any, ...]

    def rows(self) -> Counter[str]:
        """All rows as a multiset."""
        return Counter(map(repr, (*self.segments, *self.fields.items(), *self.stages)))


@dataclass(kw_only=True)
class Loaded:
    """Result of a load."""

    error: Exception | None
    seconds: float
    requests: int
    said: str = field(repr=False)  # its log, and its traceback if it failed


class AccountUnderTest:
    """An account of seven segments and seven fields on three pages each, or of as many stages on one."""

    def __init__(self, harness: Harness, emulator: Emulator, mode: Mode, timezone: str, engine: Engine | None) -> None:
        self.harness, self.emulator, self.world = harness, emulator, emulator.world
        self.engine, self.timezone = engine or harness.engine, timezone
        self.until = ExitStack()  # what is to be closed with it
        self.id = harness.new_id()
        self.paged = replace(self.world.quirks, ignores_limit=True, default_limit=PAGE)
        self.world.add_account("Corner Coffee", account_id=self.id, timezone=timezone, mode=mode)
        self.segments = [self.world.add_segment(self.id, f"Segment {n}", size=10 + n, place=n) for n in range(7)]
        kinds = ("text", "numeric", "select", "multiselect", "date", "checkbox", "textarea")
        self.fields = [
            self.world.add_field(
                self.id, f"Field {n}", kind, options=("one", "two", "three") if "select" in kind else ()
            )
            for n, kind in enumerate(kinds)
        ]
        self.stages = [self.world.add_stage(self.id, f"Stage {n}") for n in range(3)]
        self.world.set_field_value(self.id, self.segments[0], self.fields[0], "by the sea")
        self.world.set_field_value(self.id, self.segments[1], self.fields[1], "12.50")
        self.token = emulator.long_lived_token(self.id)
        self.account = AccountSettings(key=f"account-{self.id}", base_url=emulator.url, token=Secret(self.token))
        self.settings = Settings(
            data_dir=harness.folder / str(self.id), requests_per_second=10_000.0, raw_retention_days=36_500
        )
        self.now = BEGIN
        self.history: dict[datetime, list[Any]] = {}  # what was shown at each snapshot
        self.random = harness.next_chance()

    def opened(self, url: str) -> Engine:
        """Open an engine that is disposed of with the account."""
        engine = open_engine(url)
        self.until.callback(engine.dispose)
        return engine

    def through(self, port: int, url: str) -> Engine:
        """Open an engine for the database at ``url`` through another port."""
        address = make_url(url).set(port=port)
        return self.opened(address.render_as_string(hide_password=False))

    # Changes and loads

    def live_on(self) -> None:
        """Make a change of every kind, for a load to detect."""
        option = next(iter(self.world.account(self.id).fields[self.fields[2]].options))
        self.world.rename_segment(self.id, self.segments[0], "Renamed")
        self.world.set_size(self.id, self.segments[3], 99)
        self.world.delete_segment(self.id, self.segments[5])
        self.world.add_segment(self.id, "New", size=1, place=0)
        self.world.set_field_value(self.id, self.segments[6], self.fields[2], option)
        self.world.delete_field(self.id, self.fields[6])
        self.world.rename_field(self.id, self.fields[1], "Discount")
        self.world.remove_option(
            self.id, self.fields[3], next(iter(self.world.account(self.id).fields[self.fields[3]].options))
        )
        self.world.rename_stage(self.id, self.stages[0], "Renamed")
        self.world.delete_stage(self.id, self.stages[2])

    def pass_time(self, hours: float) -> None:
        """Advance the time of amoCRM and of the loader."""
        self.now += timedelta(hours=hours)
        self.emulator.clock.set(self.now)

    @property
    def clock(self) -> Clock:
        """The current time, without waits."""
        return Clock(now=lambda: self.now, sleep=lambda _: None)

    def load(
        self, *, hours: float = 1.0, engine: Engine | None = None, limits: Mapping[str, float] = NO_LIMITS
    ) -> Loaded:
        """Load the account as a new process does."""
        self.pass_time(hours)
        loaded = self.tell(
            lambda: load_account(LoadContext(engine or self.engine, self.account, self.settings, clock=self.clock)),
            limits,
        )
        self.settle()
        return loaded

    def tell(self, do: Callable[[], object], limits: Mapping[str, float] = NO_LIMITS) -> Loaded:
        """Run a load, and return its result."""
        asked, began = len(self.emulator.requests), time.monotonic()
        error: Exception | None = None
        random.seed(self.random.random())
        with _new_process(limits), _log() as log:
            try:
                do()
            except Exception as caught:  # noqa: BLE001 - any error is judged
                error = caught
                log.append("".join(traceback.format_exception(caught)) + repr(vars(caught)))
        return Loaded(
            error=error,
            seconds=time.monotonic() - began,
            requests=len(self.emulator.requests) - asked,
            said="\n".join(log),
        )

    # State

    def shown(self) -> Shown:
        """Current state of amoCRM."""
        return Shown(
            segments=tuple(
                sorted(oracle.segment_row(one, self.timezone) for one in self.world.shown_segments(self.id))
            ),
            fields={one["id"]: oracle.field_row(one) for one in self.world.shown_fields(self.id)},
            stages=tuple(sorted(oracle.stage_row(one) for one in self.world.shown_stages(self.id))),
        )

    def stored(self) -> Shown:
        """Current state of the warehouse."""
        with self.engine.connect() as connection:
            snapshots = oracle.stored_snapshots(connection, self.id)
            return Shown(
                segments=tuple(snapshots[max(snapshots)]) if snapshots else (),
                fields=oracle.stored_fields(connection, self.id),
                stages=tuple(oracle.stored_stages(connection, self.id)),
            )

    def contents(self) -> dict[str, list[str]]:
        """Every stored row of the account, by table."""
        with self.engine.connect() as connection:
            return oracle.table_contents(connection, self.id)

    @property
    def snapshot_count(self) -> int:
        """Number of published snapshots."""
        return len(self.contents()["snapshot"])

    # Verdicts

    def begin(self) -> None:
        """Load once, make changes, and use short pages from then on."""
        if error := self.load().error:
            raise error
        self.world.quirks = self.paged
        self.note(self.shown())
        self.live_on()
        self.harness.poller.watch(self.id)

    def note(self, shown: Shown, at: datetime | None = None) -> None:
        """Record the state that a published snapshot must have."""
        self.history[at or self.now] = list(shown.segments)

    def load_and_recover(
        self,
        fault: AbstractContextManager[object] | None = None,
        *right: Shown,
        recover_hours: float = 1.0,
        **options: Any,
    ) -> Trial:
        """Load through a fault, judge what is stored, and load again without the fault."""
        before = self.contents()
        with fault or nullcontext():
            loaded = self.load(**options)
        return self.recover(self.judge(loaded, before, *right), hours=recover_hours)

    @contextmanager
    def fault(self, effect: Effect, **where: Any) -> Iterator[None]:
        """Switch a fault of amoCRM on. Raises ``LookupError`` if no request met it."""
        with self.emulator.faults.during(effect, **where) as fault:
            yield
        if not fault.hits:
            raise LookupError("no request met the fault")

    def settle(self) -> None:
        """Let the poller record the current state; no load may run."""
        self.harness.poller.settle(self.id)

    def judge(self, loaded: Loaded, before: dict[str, list[str]], *right: Shown) -> Trial:
        """Judge a load. ``right`` are the states that it may store; by default amoCRM's current one."""
        self.settle()
        allowed = right or (self.shown(),)
        after = self.contents()
        if after["snapshot"] != before["snapshot"]:
            stored = self.stored()
            found = [one for one in allowed if one == stored]
            verdict = Verdict.EXACT if found else Verdict.SILENT
            self.note(found[0] if found else stored)
            lost, doubled = allowed[0].rows() - stored.rows(), stored.rows() - allowed[0].rows()
            why = "" if found else f"stored {_some(doubled)}, shown {_some(lost)}"
        else:
            lost, doubled = _bag(before) - _bag(after), _bag(after) - _bag(before)
            verdict = Verdict.DAMAGED if lost or doubled else Verdict.REFUSED
            why = f"gone {_some(lost)}, come {_some(doubled)}" if lost or doubled else ""
            if loaded.error is None:
                verdict, why = Verdict.SILENT, "no error, and no snapshot"
        if loaded.error is not None and verdict is Verdict.REFUSED:
            why = f"{type(loaded.error).__name__}: {loaded.error}"
            if not isinstance(loaded.error, WarehouseError):
                verdict = Verdict.DAMAGED
        return self.looked_over(
            Trial(
                verdict=verdict,
                why=why,
                requests=loaded.requests,
                rows_lost=0 if verdict is Verdict.EXACT else lost.total(),
                rows_doubled=0 if verdict is Verdict.EXACT else doubled.total(),
            ),
            loaded,
        )

    def looked_over(self, trial: Trial, loaded: Loaded | None = None) -> Trial:
        """Add the checks of invariants and secrets to a trial."""
        with self.engine.connect() as connection:
            wrong = broken(connection, self.id)
            false = len(oracle.false_endings(connection, self.world, self.id))
            if oracle.stored_snapshots(connection, self.id) != self.history:
                wrong.append("I5 every snapshot can be rebuilt row for row")
        if false:
            wrong.append("I8 no ended version that the API did not confirm as gone")
        if wrong and trial.verdict in (Verdict.EXACT, Verdict.REFUSED):
            verdict = Verdict.SILENT if trial.verdict is Verdict.EXACT else Verdict.DAMAGED
            trial = replace(trial, verdict=verdict, why="; ".join(wrong), false_endings=false)
        if loaded and (told := self.leaks(loaded.said)):
            trial = replace(trial, verdict=Verdict.LEAK, why=told)
        return trial

    def leaks(self, said: str) -> str:
        """Describe a leaked secret; empty if there is none."""
        if self.harness.foreign_host.requests:
            asked = str(self.harness.foreign_host.requests[0].path)
            self.harness.foreign_host.requests.clear()
            return f"another host was asked for {asked}"
        hidden = forms(self.token)
        return "the token is in the log or the error" if any(one in said.encode() for one in hidden) else ""

    def recover(self, trial: Trial, *, hours: float = 1.0) -> Trial:
        """Load without the fault: the tables must equal amoCRM's state and the stored responses."""
        shown = self.shown()
        loaded = self.load(hours=hours)
        told = replace(trial, recovery_seconds=loaded.seconds, recovery_requests=loaded.requests)
        if loaded.error is not None:
            return _worse(told, f"no way back: {type(loaded.error).__name__}: {loaded.error}")
        self.note(shown)
        stored = self.stored()
        if stored != shown:
            lost, doubled = shown.rows() - stored.rows(), stored.rows() - shown.rows()
            why = f"after recovery stored {_some(doubled)}, shown {_some(lost)}"
            return replace(_worse(told, why), rows_lost=lost.total(), rows_doubled=doubled.total())
        told = self.looked_over(told, loaded)
        return told if self.harness.is_quick and self.random.random() > REBUILT_IN_QUICK else self.rebuilt(told)

    def rebuilt(self, told: Trial) -> Trial:
        """Add I7: tables rebuilt from raw responses are equal."""
        rebuild_account(self.engine, self.harness.rebuilt, self.id)
        with self.harness.rebuilt.connect() as connection:
            if oracle.table_contents(connection, self.id) != self.contents():
                return _worse(told, "I7 tables rebuilt from raw responses differ")
        return told


@contextmanager
def account_under_test(
    harness: Harness, mode: Mode = "segments", timezone: str = "Europe/Moscow", engine: Engine | None = None
) -> Iterator[AccountUnderTest]:
    """Open an account with a history and unloaded changes, in the harness's warehouse or another."""
    with Emulator(clock=EmulatorClock(BEGIN)) as emulator:
        made = AccountUnderTest(harness, emulator, mode, timezone, engine)
        with made.until:
            made.until.callback(harness.poller.watch, None)
            made.begin()
            yield made


@contextmanager
def _new_process(limits: Mapping[str, float]) -> Iterator[None]:
    """Give clients new rate limiters, as in a new process, and other limits if given."""
    begin = AmoClient.__init__

    def begin_new(self: AmoClient, *args: Any, **options: Any) -> None:
        given: Limits = options.get("limits") or Limits()
        begin(self, *args, **(options | {"limits": replace(given, **limits), "rate_limiters": RateLimiters()}))  # type: ignore[arg-type]

    with patch.object(AmoClient, "__init__", begin_new):
        yield


@contextmanager
def _log() -> Iterator[list[str]]:
    """Collect every log message, debug included."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _worse(trial: Trial, why: str) -> Trial:
    return replace(trial, verdict=max(trial.verdict, Verdict.DAMAGED, key=tuple(Verdict).index), why=why)


def _bag(contents: dict[str, list[str]]) -> Counter[str]:
    return Counter(f"{table} {row}" for table, rows in contents.items() for row in rows)


def _some(rows: Counter[str]) -> str:
    found = list(rows.elements())
    return f"{len(found)} rows" + (f", as {found[0][:160]}" if found else "")
