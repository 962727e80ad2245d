"""Several accounts with faults, kills, late and concurrent loads in any order, against a model.

The accounts are of two amoCRMs that know nothing of each other, so that their things have the same ids. A load is
judged by what the emulator showed, and after every step the invariants are checked for every account, also for those
that nothing happened to. A reader looks at the views meanwhile; at the end the tables are made anew and compared.
Which mutants of the pipeline this notices is told in faults/README.md.
``--hypothesis-profile=search`` looks for new lives until it is stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import URL

from emulator import Emulator, effects
from emulator.clock import Clock as EmulatorClock
from emulator.entities import MODES, Mode
from emulator.faults import Effect
from faults import oracle
from faults.account_under_test import BEGIN, AccountUnderTest, Loaded, Shown
from faults.case import Trial, Verdict
from faults.cases import answers, schedules
from faults.cases.process import load_and_die
from faults.harness import Harness, open_harness
from faults.killing import killed
from faults.stepping import Stepping, Walker
from pipelines.amocrm import strict_json
from pipelines.base.errors import SettingsError, Superseded, WarehouseError
from pipelines.load.context import LoadContext
from pipelines.load.fetch import LoadReference
from pipelines.load.load import extract_load, load_account, load_with_snapshot, publish_load
from pipelines.load.rebuild import diff_tables, rebuild_account
from pipelines.warehouse import unchanged
from tests.accounts import frozen_clock

FAULTS = {
    f"{group}: {name}": make
    for group in ("status", "empty", "body", "transport", "pages")
    for name, make in answers.WORDS[group][0].items()
    if name != "a bomb of 40 MB"  # it takes its time
}
Action = TypeVar("Action", bound=Callable[..., None])
LOADERS: Sequence[Callable[..., object]] = (load_account, load_account, load_with_snapshot, schedules.in_two_steps)
ACCOUNT_INDEX = st.integers(0, 1)
HOURS = st.sampled_from([1.0, 7.0, 26.0, 900.0])
"""Between two loads: a host that has blocked us is left alone for an hour."""

ACTIONS: list[st.SearchStrategy[tuple[str, dict[str, Any]]]] = []
"""What can happen, by the names of methods."""

KILLED = Loaded(error=WarehouseError("killed"), seconds=0, requests=0, said="")


def action(**arguments: st.SearchStrategy[Any]) -> Callable[[Action], Action]:
    """Have something happen now and then. Of rules hypothesis would leave half out of each life; few lives need all."""

    def registered(do: Action) -> Action:
        ACTIONS.append(st.tuples(st.just(do.__name__), st.fixed_dictionaries(arguments)))
        return do

    return registered


class WarehouseMachine(RuleBasedStateMachine):
    """Two accounts in one warehouse."""

    def __init__(self, harness: Harness) -> None:
        super().__init__()
        self.harness, self.until = harness, ExitStack()
        self.accounts: list[AccountUnderTest] = []
        self.late: dict[int, tuple[LoadReference, Shown]] = {}  # by account: what was asked and is not published
        self.purged: set[int] = set()
        self.version = 0  # of the program, where it is not the one that is here

    @initialize(
        modes=st.tuples(st.sampled_from(MODES), st.sampled_from(["segments", "periodicity"])),
        timezone=st.sampled_from(["Europe/Moscow", "Pacific/Kiritimati", "America/New_York"]),
        has_pages=st.booleans(),
        seed=st.integers(0, 9_999),
    )
    def open(self, modes: tuple[Mode, Mode], timezone: str, has_pages: bool, seed: int) -> None:
        """Open the accounts."""
        self.chances = random.Random(seed)  # noqa: S311 - to come again is what it is for
        for mode in modes:
            emulator = self.until.enter_context(Emulator(clock=EmulatorClock(BEGIN)))
            account = AccountUnderTest(self.harness, emulator, mode, timezone, None)
            account.world.quirks = replace(account.paged, ignores_limit=has_pages)
            account.settle()
            self.accounts.append(account)

    @rule(action=st.deferred(lambda: st.one_of(ACTIONS)))
    def perform(self, action: tuple[str, dict[str, Any]]) -> None:
        """One of the things below, with its arguments."""
        name, arguments = action
        getattr(self, name)(**arguments)

    # What happens to loads

    @action(account_index=ACCOUNT_INDEX, loader=st.sampled_from(LOADERS), hours=HOURS)
    def load(self, account_index: int, loader: Callable[..., object], hours: float, *, is_quiet: bool = False) -> None:
        """A load that nothing happens to is exact."""
        account = self.watched(account_index, hours, is_quiet=is_quiet)
        before = account.contents()
        loaded = account.tell(self.loading(account, loader))
        assert self.judged(account, loaded, before).verdict is Verdict.EXACT

    @action(account_index=ACCOUNT_INDEX, times=st.integers(1, 3))
    def load_again(self, account_index: int, times: int) -> None:
        """Loads in which nothing changed: they are published unread."""
        for _ in range(times):
            self.load(account_index, load_account, 7.0, is_quiet=True)

    @action(account_index=ACCOUNT_INDEX)
    def load_by_another_version(self, account_index: int) -> None:
        """Another version of the program reads, even where nothing changed: it may read otherwise."""
        self.version += 1
        with (
            patch.object(unchanged, "PARSER_FINGERPRINT", f"version {self.version}"),
            patch.object(strict_json, "parse", wraps=strict_json.parse) as parse,
        ):
            self.load(account_index, load_account, 1.0, is_quiet=True)
        assert parse.called

    @action(
        account_index=ACCOUNT_INDEX,
        fault=st.sampled_from(sorted(FAULTS)),
        nth=st.integers(1, 14),
        loader=st.sampled_from(LOADERS),
    )
    def load_through_a_fault(self, account_index: int, fault: str, nth: int, loader: Callable[..., object]) -> None:
        """One answer is not what it should be: exact or refused."""
        account = self.watched(account_index, 1.0)
        before = account.contents()
        with account.emulator.faults.during(FAULTS[fault](), nth=nth, times=1):
            loaded = account.tell(self.loading(account, loader))
        self.judged(account, loaded, before)

    @action(account_index=ACCOUNT_INDEX, lie=st.sampled_from([effects.no_content(), effects.items(lambda _: [])]))
    def load_through_a_lie(self, account_index: int, lie: Effect) -> None:
        """Every list says that it is empty, whenever it is asked: believed where nothing is known that contradicts."""
        account = self.watched(account_index, 1.0)
        before = account.contents()
        with ExitStack() as until:
            for resource in ("segments", "fields", "stages"):
                until.enter_context(account.emulator.faults.during(lie, resource=resource))
            loaded = account.tell(self.loading(account, load_account))
        self.judged(account, loaded, before, account.shown(), Shown(segments=(), fields={}, stages=()))

    @action(account_index=ACCOUNT_INDEX, death=st.integers(0, 60), loader=st.sampled_from(LOADERS))
    def load_and_die(self, account_index: int, death: int, loader: Callable[..., object]) -> None:
        """A load is killed at a statement, commit or request, if it has so many."""
        account = self.watched(account_index, 1.0)
        before = account.contents()
        walker = Walker(number=0, work=self.loading(account, loader), death=death)
        Stepping(url=self.harness.url, choose=lambda waiting: waiting[0]).walk([walker])
        if not walker.is_dead:
            assert walker.error is None, walker.error
        self.judged(account, KILLED if walker.is_dead else replace(KILLED, error=None), before)

    @action(account_index=ACCOUNT_INDEX, death=st.integers(0, 50), is_tried=st.integers(0, 4))
    def load_in_a_process_that_is_killed(self, account_index: int, death: int, is_tried: int) -> None:
        """The same with a process and kill -9, more seldom: it takes longer."""
        if is_tried:
            return
        account = self.watched(account_index, 1.0)
        before = account.contents()
        has_died, _ = killed(
            load_and_die, self.harness.url, account.account, account.settings, account.now, death=death
        )
        self.judged(account, replace(KILLED, error=KILLED.error if has_died else None), before)

    @action(account_index=ACCOUNT_INDEX)
    def ask(self, account_index: int) -> None:
        """A load asks, and does not come to publishing."""
        account = self.watched(account_index, 1.0)
        extracted = extract_load(LoadContext(account.engine, account.account, account.settings, clock=account.clock))
        self.late[account_index] = extracted, account.shown()

    @action(account_index=ACCOUNT_INDEX)
    def publish_late(self, account_index: int) -> None:
        """It publishes after all: as what it saw, or not at all where a newer snapshot is there."""
        if account_index not in self.late:
            return
        account = self.watched(account_index, 1.0)
        (extracted, shown), before = self.late.pop(account_index), account.contents()
        is_newer = all(at < extracted.observed_at for at in account.history)
        loaded = account.tell(
            lambda: publish_load(
                LoadContext(account.engine, account.account, account.settings, clock=account.clock), extracted
            )
        )
        account.settle()
        if is_newer:
            assert loaded.error is None
            account.note(shown, extracted.observed_at)
            assert account.stored() == shown
        else:
            assert isinstance(loaded.error, Superseded)
            assert account.contents() == before

    @action(account_index=ACCOUNT_INDEX, seconds=st.sampled_from([0, 1, 86_400]))
    def load_with_the_clock_set_back(self, account_index: int, seconds: int) -> None:
        """A load that is not newer than the newest snapshot changes nothing."""
        account = self.accounts[account_index]
        if not account.history:
            return
        before, earlier = account.contents(), max(account.history) - timedelta(seconds=seconds)
        context = LoadContext(account.engine, account.account, account.settings, clock=frozen_clock(earlier))
        loaded = account.tell(lambda: load_account(context))
        assert isinstance(loaded.error, Superseded | SettingsError), loaded.error
        assert account.contents() == before

    @action(seed=st.integers(0, 9_999))
    def load_both(self, seed: int) -> None:
        """Both accounts are loaded at the same time, deed by deed."""
        chances = random.Random(seed)  # noqa: S311 - to come again is what it is for
        self.pass_time(1.0)
        before = [account.contents() for account in self.accounts]
        walkers = [
            Walker(number=number, work=self.loading(account, load_account))
            for number, account in enumerate(self.accounts)
        ]
        Stepping(url=self.harness.url, choose=chances.choice).walk(walkers)
        for account, walker, contents in zip(self.accounts, walkers, before, strict=True):
            assert walker.error is None, walker.error
            assert self.judged(account, replace(KILLED, error=None), contents).verdict is Verdict.EXACT

    @action(account_index=ACCOUNT_INDEX, seed=st.integers(0, 9_999), dies=st.booleans())
    def load_at_once(self, account_index: int, seed: int, dies: bool) -> None:
        """Two or three loads of one account take turns, deed by deed, while it changes; one of them may be killed."""
        account, chances = self.accounts[account_index], random.Random(seed)  # noqa: S311 - to come again is what it is for
        self.pass_time(1.0)
        self.harness.poller.watch(None)  # what was seen between two loads cannot be said afterwards
        quirks, account.world.quirks = account.world.quirks, replace(account.world.quirks, ignores_limit=False)
        for trial in schedules.walk(schedules.Schedule(seed=str(seed), account=account, chances=chances), dies=dies):
            assert trial.verdict is Verdict.EXACT, trial.why
        account.world.quirks = quirks
        account.settle()

    @action(account_index=ACCOUNT_INDEX, days=st.sampled_from([0, 1, 30]))
    def load_and_purge(self, account_index: int, days: int) -> None:
        """Old raw answers are deleted with this load, and no row that a snapshot has made."""
        account = self.accounts[account_index]
        self.purged.add(account_index)
        keeps, account.settings = account.settings, replace(account.settings, raw_retention_days=days)
        self.late.pop(account_index, None)
        self.load(account_index, load_account, 1.0)
        account.settings = keeps

    # What happens in the accounts

    @action(account_index=ACCOUNT_INDEX, mode=st.sampled_from(MODES))
    def switch_mode(self, account_index: int, mode: Mode) -> None:
        """Customers get another mode."""
        account = self.accounts[account_index]
        account.world.switch_mode(account.id, mode)

    @action(account_index=ACCOUNT_INDEX)
    def bring_back(self, account_index: int) -> None:
        """What was deleted comes back, and a load sees it, unless segments are not shown."""
        account = self.accounts[account_index]
        its = account.world.account(account.id)
        for segment in list(its.segments.values()):
            if segment.deleted_at is not None and its.mode == "segments":
                account.world.restore_segment(account.id, segment.id)
        self.load(account_index, load_account, 1.0)

    # What must be true

    @invariant()
    def holds(self) -> None:
        """I1 to I6 and I8, of every account."""
        for account in self.accounts:
            trial = account.looked_over(Trial(verdict=Verdict.EXACT))
            assert trial.verdict is Verdict.EXACT, trial.why

    def teardown(self) -> None:
        """I7, days as they were shown, and no torn read."""
        with self.until:
            self.look_back()

    def look_back(self) -> None:
        """What is true of a whole life."""
        self.harness.poller.watch(None)
        looks_and_torn = self.harness.poller.take()
        assert looks_and_torn[1] == 0
        for account_index, account in enumerate(self.accounts):
            with account.engine.connect() as connection:
                days = oracle.stored_days(connection, account.id)
            assert days == oracle.days_of_shown(account.history, account.timezone)
            rebuilt = rebuild_account(account.engine, self.harness.rebuilt, account.id)
            if account_index not in self.purged:
                assert rebuilt.snapshot_count == len(account.history)
                with self.harness.rebuilt.connect() as connection:
                    assert oracle.table_contents(connection, account.id) == account.contents()
            elif rebuilt.since is not None:
                assert diff_tables(account.engine, self.harness.rebuilt, account.id, rebuilt.since).is_same

    def judged(self, account: AccountUnderTest, loaded: Loaded, before: dict[str, list[str]], *right: Shown) -> Trial:
        """What a load came to, which is exact or refused."""
        trial = account.judge(loaded, before, *right)
        assert trial.verdict in (Verdict.EXACT, Verdict.REFUSED), trial.why
        return trial

    def watched(self, account_index: int, hours: float, *, is_quiet: bool = False) -> AccountUnderTest:
        """The account, some hours later, under the reader's eyes."""
        self.pass_time(hours, is_quiet=is_quiet)
        self.harness.poller.watch(self.accounts[account_index].id)
        return self.accounts[account_index]

    def pass_time(self, hours: float, *, is_quiet: bool = False) -> None:
        """Time passes for all, and unless it is quiet things change in some of the accounts."""
        now = max(account.now for account in self.accounts)
        for account in self.accounts:
            account.now = now
            account.pass_time(hours)
            for _ in range(0 if is_quiet else self.chances.choice((0, 0, 1, 2, 4))):
                self.chances.choice((schedules.change, change_more, change_sizes))(account, self.chances)

    def loading(self, account: AccountUnderTest, loader: Callable[..., object]) -> Callable[[], object]:
        """A load in one of the ways, not begun yet."""
        if loader is schedules.in_two_steps:
            return partial(loader, account, account.now)
        return partial(loader, LoadContext(account.engine, account.account, account.settings, clock=account.clock))


def change_sizes(account: AccountUnderTest, chances: random.Random) -> None:
    """Let customers come to and leave some of the segments."""
    for segment in account.world.account(account.id).live_segments():
        account.world.set_size(account.id, segment.id, max(0, segment.customers_count + chances.choice((-9, 0, 7))))


def change_more(account: AccountUnderTest, chances: random.Random) -> None:
    """Let something happen that is about stages, values and fields."""
    world, of = account.world, account.id
    segments = [one.id for one in world.account(of).live_segments()]
    fields = world.account(of).live_fields()
    stages = [one.id for one in world.account(of).live_stages() if not one.is_default]
    name = f"Name {chances.randrange(1000)}"
    texts = [one.id for one in fields if one.type == "text"]
    what: list[Callable[[], Any]] = [lambda: world.add_stage(of, name)]
    if len(fields) < 25:
        what.append(lambda: world.add_field(of, name, chances.choice(("text", "numeric", "date"))))
    if len(fields) > 2:
        what.append(lambda: world.delete_field(of, chances.choice(fields).id))
    if stages:
        what.append(lambda: world.rename_stage(of, chances.choice(stages), name))
        what.append(lambda: world.delete_stage(of, chances.choice(stages)))
    if texts and segments:
        what.append(lambda: world.set_field_value(of, chances.choice(segments), chances.choice(texts), name))
    chances.choice(what)()


def test_whatever_happens_to_loads_what_is_stored_is_what_was_shown(server_url: URL, migrated_template: str) -> None:
    is_search = not settings.default.derandomize if settings.default else False
    with open_harness(seed=0, is_quick=True, server=server_url, template=migrated_template) as harness:
        run_state_machine_as_test(
            lambda: WarehouseMachine(harness),  # type: ignore[arg-type] # any maker will do
            settings=settings(
                max_examples=100_000 if is_search else 8,
                stateful_step_count=60 if is_search else 20,
                phases=set(Phase) if is_search else set(Phase) - {Phase.shrink},  # which takes minutes
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
