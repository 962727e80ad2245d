"""Two or three concurrent loads of one account, stepped in an order that a seed gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from faults.account_under_test import AccountUnderTest, Shown, account_under_test
from faults.case import EXACT, Case, Trial, Verdict
from faults.harness import Harness
from faults.stepping import Stepping, Walker
from pipelines.amocrm.messages import Request
from pipelines.base.clock import Clock
from pipelines.base.errors import Superseded, UnprovenEnding
from pipelines.load.context import LoadContext
from pipelines.load.load import extract_load, load_account, publish_load

SEEDS: Final = 250
"""Schedules of each kind in a full run; another ``--seed`` gives others."""

QUICK_SEEDS: Final = 12
OF_ONE_ACCOUNT: Final = 25
"""Schedules per account, to keep histories short."""


def cases() -> Iterator[Case]:
    """Yield schedules without and with a killed load."""
    for dies in (False, True):
        yield Case(
            name="schedules: two or three loads, step by step" + (", one of them killed" if dies else ""),
            wrong="Loads of one account take turns at every statement, commit and request, while the account changes.",
            must="Each is published whole as it saw the account, or refused since a newer one is there; none waits.",
            play=partial(play, dies=dies),
            is_quick=True,
            seconds=1800,
            allowed=EXACT,
        )


@dataclass(kw_only=True)
class Schedule:
    """Loads of one seed, and the state that each read."""

    seed: str
    account: AccountUnderTest
    chances: random.Random
    instants: dict[int, datetime] = field(default_factory=dict)  # by load: when it began, by its own clock
    saw: dict[int, Shown] = field(default_factory=dict)  # by load: what the account showed when it was asked

    def walkers(self, *, dies: bool) -> list[Walker]:
        """Make the loads: random clock order, sometimes equal instants, in one or two steps."""
        count = self.chances.choice((2, 2, 3))
        made = []
        # Of two loads of one instant one is refused; which, could not be told if one of them dies.
        seconds = self.chances.sample(range(1, 9), count) if dies else self.chances.choices(range(1, 9), k=count)
        for number in range(count):
            self.instants[number] = self.account.now + timedelta(seconds=seconds[number])
            way = self.chances.choice((at_once, at_once, in_two_steps))
            work = partial(way, self.account, self.instants[number])
            made.append(Walker(number=number, work=work))
        if dies:
            made[0].death = self.chances.randrange(45)
        return made

    def choose(self, waiting: Sequence[Walker]) -> Walker:
        """Choose the next load; sometimes change the account first."""
        if self.chances.random() < 0.05:
            change(self.account, self.chances)
        return self.chances.choice(sorted(waiting, key=lambda one: one.number))

    def note_request(self, walker: Walker, request: Request) -> None:
        """Record the state that a load reads: each list fits on one page."""
        resource = request.path.partition("?")[0]
        shown = self.account.shown()
        before = self.saw.setdefault(walker.number, shown)
        if resource.endswith("/segments"):
            self.saw[walker.number] = replace(before, segments=shown.segments)
        elif resource.endswith("/custom_fields"):
            self.saw[walker.number] = replace(before, fields=shown.fields)


def play(harness: Harness, *, dies: bool) -> Iterator[Trial]:
    """Yield a trial per seed."""
    seeds = harness.sample(f"schedules {dies}", SEEDS, QUICK_SEEDS)
    for first in range(0, len(seeds), OF_ONE_ACCOUNT):
        with account_under_test(harness) as account:
            harness.poller.watch(None)  # what was seen between two loads cannot be said afterwards
            account.world.quirks = replace(account.world.quirks, ignores_limit=False)
            for seed in seeds[first : first + OF_ONE_ACCOUNT]:
                name = f"schedule {harness.seed}:{dies}:{seed}"
                yield from walk(Schedule(seed=name, account=account, chances=harness.chance(name)), dies=dies)
            yield account.recover(Trial(verdict=Verdict.EXACT))


def walk(schedule: Schedule, *, dies: bool) -> Iterator[Trial]:
    """Step through one schedule, and judge it."""
    account = schedule.account
    account.pass_time(1)
    if schedule.chances.random() < 0.5:
        change(account, schedule.chances)
    walkers = schedule.walkers(dies=dies)
    Stepping(url=account.harness.url, choose=schedule.choose, on_request=schedule.note_request).walk(walkers)
    with account.engine.connect() as connection:
        published = {
            row[0]
            for row in connection.exec_driver_sql(
                "select observed_at from amocrm.snapshot where account_id = %s and observed_at > %s",
                (account.id, account.now),
            )
        }
    for walker in walkers:
        at = schedule.instants[walker.number]
        if at in published and (walker.error is None or walker.is_dead):
            account.note(schedule.saw[walker.number], at)
    wrong = [told for walker in walkers if (told := _wrong(walker, walkers, schedule, published))]
    account.now = max(schedule.instants.values())
    verdict, why = (Verdict.SILENT, f"{schedule.seed}: {'; '.join(wrong)}") if wrong else (Verdict.EXACT, "")
    trial = account.looked_over(Trial(verdict=verdict, why=why))
    yield replace(trial, why=trial.why and f"{schedule.seed}: {trial.why}")


def _wrong(walker: Walker, walkers: Sequence[Walker], schedule: Schedule, published: set[datetime]) -> str:
    """Describe a load's wrong outcome; empty if it is right."""
    at = schedule.instants[walker.number]
    others = [one for one in walkers if one is not walker and schedule.instants[one.number] in published]
    match walker.error:
        case _ if walker.is_dead:
            return ""
        case None:
            return "" if at in published else f"load {walker.number} says it is published, and is not"
        case Superseded() if any(schedule.instants[one.number] >= at for one in others):
            return ""
        case UnprovenEnding() if any(_ids(schedule, one) - _ids(schedule, walker) for one in others):
            return ""
    return f"load {walker.number} of {len(walkers)}: {type(walker.error).__name__}: {walker.error}"


def _ids(schedule: Schedule, walker: Walker) -> set[Any]:
    return {row[0] for row in schedule.saw[walker.number].segments}


def change(account: AccountUnderTest, chances: random.Random) -> None:
    """Make a random change in the account."""
    world, of = account.world, account.id
    segments = [one.id for one in world.account(of).live_segments()]
    fields = [one.id for one in world.account(of).live_fields()]
    number = chances.randrange(10_000)
    what: Sequence[Callable[[], object]] = (
        lambda: world.rename_segment(of, chances.choice(segments), f"Segment {number}"),
        lambda: world.set_size(of, chances.choice(segments), number),
        lambda: world.add_segment(of, f"Segment {number}", size=number),
        lambda: world.delete_segment(of, chances.choice(segments)) if len(segments) > 3 else None,
        lambda: world.rename_field(of, chances.choice(fields), f"Field {number}"),
    )
    chances.choice(what)()


def at_once(account: AccountUnderTest, at: datetime) -> object:
    """Load as ``sync`` does."""
    return load_account(LoadContext(account.engine, account.account, account.settings, clock=_clock(at)))


def in_two_steps(account: AccountUnderTest, at: datetime) -> object:
    """Load as Dagster does for one account."""
    extracted = extract_load(LoadContext(account.engine, account.account, account.settings, clock=_clock(at)))
    return publish_load(LoadContext(account.engine, account.account, account.settings, clock=_clock(at)), extracted)


def _clock(at: datetime) -> Clock:
    return Clock(now=lambda: at, sleep=lambda _: None)
