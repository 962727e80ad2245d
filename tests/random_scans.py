"""Random lives of an account's customers, with scans that are killed, disturbed or concurrent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import Engine

from emulator import Emulator, effects
from emulator.customer_life import change_at_random
from emulator.entities import Json, Mode
from emulator.quirks import Quirks
from emulator.world import World
from faults.stepping import Killed, Stepping, Walker
from pipelines.amocrm.http import Transport
from pipelines.base.clock import Clock
from pipelines.base.errors import SettingsError, Superseded, WarehouseError
from pipelines.customers import events as events_module
from pipelines.customers import reader, retention
from pipelines.customers import scan as scan_module
from pipelines.customers.forget import forget_all, forget_customer
from pipelines.customers.publish_scan import PublishedScan
from pipelines.load.context import LoadContext
from pipelines.load.load import load_account
from pipelines.load.result import report_error
from tests.accounts import EmulatedAccount
from tests.conftest import render_url

FAULTS: Final = {
    **{f"error {code}": effects.error(code) for code in (400, 401, 402, 403, 404, 429, 500)},
    **{f"status {code}": effects.status(code) for code in (502, 504)},
    "html": effects.html(),
    "cut": effects.truncated(),
    "NaN": effects.literal("NaN"),
    "1e400": effects.literal("1e400"),
    "a long number": effects.literal("9" * 5_000),
    "deep": effects.deep(2_000),
    "endless list": effects.looping_next(),
    "another list": effects.payload(lambda document: document | {"_embedded": {"others": []}}),
    "no list": effects.payload(lambda _: []),
    "one more page": effects.one_more_page(),
    "numbered lists": effects.numbered_lists(),
    "rows twice": effects.items(lambda rows: rows * 2),
    "a row is null": effects.items(lambda rows: [*rows, None]),
    "a row is a list": effects.items(lambda rows: [[], *rows]),
}
"""Effects after which a scan fails, or is right."""

LIES: Final = {
    "no link": effects.no_next(),
    "no rows": effects.items(lambda _: []),
    "no content": effects.no_content(),
}
"""Effects that hide customers. Those that a scan has read are requested by id."""

ODD_VALUES: Final[dict[str, Sequence[Json]]] = {
    "id": (None, "12x", -5, 0, 2**63, 2**62, 1.5, True, [], "9" * 5_000),
    "status_id": ("x", -1, [], {}, True, 2**70),
    "is_deleted": ("yes", 2, [], "true"),
    "_embedded": (
        "x",
        {"segments": "x"},
        {"segments": [None]},
        {"segments": [{"id": None}]},
        {"segments": [{"id": "x"}]},
        {"segments": [[]]},
        {"segments": {"a": 1}},
    ),
}
UNUSABLE: Final[Sequence[dict[str, Json]]] = [{name: value} for name, values in ODD_VALUES.items() for value in values]
"""Values with which a customer cannot be used."""

HARMLESS: Final[Sequence[dict[str, Json]]] = (
    {"ltv": "x", "purchases_count": -5, "average_check": [], "periodicity": 1.5},
    {"ltv": 10**40, "next_date": 10**30, "purchases_count": None},
    {"custom_fields_values": None, "name": 5, "is_deleted": None},
)
"""Odd values with which it can."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Properties that stay the same in one life."""

    mode: Mode
    timezone: str
    begin: datetime
    customer_count: int
    quirks: Quirks
    max_by_id: int
    probed_limit: int = 250  # of a page of customers
    event_page_size: int = 100
    max_event_pages: int = 1_000
    has_equal_ids: bool = False  # a segment has the id of a stage


class RandomLife(EmulatedAccount):
    """An account whose customers change at random. Each method is one step of a life."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, setting: Setting) -> None:
        emulator.clock.set(setting.begin)
        emulator.world.quirks = Quirks()
        key = f"account-{len(emulator.world.accounts)}"
        super().__init__(emulator, engine, root, key, mode=setting.mode, timezone=setting.timezone)
        self.setting, self.begin = setting, setting.begin
        self.forgotten: set[int] = set()
        self.hidden_at: dict[int, datetime] = {}  # when the right to see a customer changed last
        self.may_miss = False  # pages of a scan that is not published yet may lack customers
        self.is_drifting = False  # the latest published scan may have missed new customers
        self.scan_count = 0  # published ones
        self.known: set[int] = set()  # customers with stays before the latest scan
        self.folded: list[tuple[Any, ...]] = []  # stays that retention deleted since the latest beginning
        if setting.has_equal_ids:
            self.world.next_ids["segment"] = self.world.account(self.id).live_stages()[0].id
        for number in range(3):
            self.world.add_segment(self.id, f"Segment {number}")
        self.load_now()
        self.world.add_customers(self.id, setting.customer_count, segments_each=2)
        self.change(8, 0)
        self.world.quirks = setting.quirks

    @property
    def scan_clock(self) -> Clock:
        """The emulator's time. Each look at it takes a second."""
        return Clock(now=lambda: self.emulator.clock.advance(timedelta(seconds=1)), sleep=lambda _: None)

    def scan_once(self, clock: Clock | None = None) -> PublishedScan:
        """Scan the customers."""
        return scan_module.scan_customers(
            LoadContext(self.engine, self.account, self.settings, clock=clock or self.scan_clock)
        )

    @property
    def patches(self) -> AbstractContextManager[object]:
        """Patches while scans run: few requests by id, small pages, and a log of hidden customers."""
        setting, patches = self.setting, ExitStack()
        for module, name, value in (
            (scan_module, "MAX_BY_ID", setting.max_by_id),
            (reader, "probed_page_limits", lambda *_: {"customers": setting.probed_limit}),
            (events_module, "EVENT_PAGE_SIZE", setting.event_page_size),
            (events_module, "MAX_EVENT_PAGES", setting.max_event_pages),
            (World, "hide_customer", self._hide),
        ):
            patches.enter_context(patch.object(module, name, value))
        return patches

    def _hide(self, account_id: int, customer_id: int, *, is_hidden: bool = True) -> None:
        self.hidden_at[customer_id] = self.emulator.clock.now()
        customer = self.world.book(account_id).customers[customer_id]
        customer.is_hidden = is_hidden
        self.world.book(account_id).revision += 1

    # Steps

    def load_now(self) -> None:
        """Load the account, which stores its timezone."""
        clock = self.scan_clock
        load_account(LoadContext(self.engine, self.account, self.settings, clock=clock))

    def pass_time(self, hours: float) -> None:
        """Let time pass."""
        self.emulator.clock.advance(timedelta(hours=hours))

    def change(self, count: int, seed: int) -> None:
        """Change customers, several of them in one second."""
        random = Random(seed)  # noqa: S311 - not a secret
        with patch.object(World, "hide_customer", self._hide):
            for _ in range(count):
                change_at_random(self.world, self.id, random)
                self.emulator.clock.advance(timedelta(seconds=random.choice((0, 0.3, 2))))

    def hide_all(self, is_hidden: bool, stride: int) -> None:
        """Hide, or show, each customer of so many."""
        for customer_id in list(self.world.book(self.id).customers)[::stride]:
            self._hide(self.id, customer_id, is_hidden=is_hidden)

    def restore(self, index: int) -> None:
        """Restore a deleted customer."""
        deleted = [one for one in self.world.book(self.id).customers.values() if one.deleted_at is not None]
        if deleted:
            customer, now = deleted[index % len(deleted)], self.emulator.clock.now()
            customer.deleted_at, customer.stage_since, customer.updated_at = None, now, now
            self.world.book(self.id).revision += 1

    def remove_place(self, is_stage: bool) -> None:
        """Delete a stage, whose customers move later, or a segment."""
        account = self.world.account(self.id)
        places = account.live_stages() if is_stage else account.live_segments()
        if len(places) > 1:
            (self.world.delete_stage if is_stage else self.world.delete_segment)(self.id, places[-1].id)

    def move_timezone(self, timezone: str) -> None:
        """Change the account's timezone."""
        self.world.move_account(self.id, timezone=timezone)
        self.load_now()

    def switch_mode(self, mode: Mode) -> None:
        """Change the account's mode."""
        self.world.switch_mode(self.id, mode)

    def forget(self, index: int) -> None:
        """Forget a customer."""
        customers = [one for one in self.world.book(self.id).customers if one not in self.forgotten]
        if customers:
            customer_id = customers[index % len(customers)]
            forget_customer(self.engine, self.settings.data_dir, self.account.key, self.id, customer_id)
            self.forgotten.add(customer_id)

    def forget_everybody(self) -> None:
        """Delete all that is stored of single customers; those that were forgotten stay forgotten."""
        before = self.numbers()
        forget_all(self.engine, self.settings.data_dir, self.account.key, self.id)
        assert self.numbers() == before
        self.folded.clear()

    def fold(self, days: float) -> None:
        """Delete stays that ended so many days ago, which changes no number."""
        until = self.emulator.clock.now() - timedelta(days=days)
        before = self.numbers()
        stays = self.rows(EXPIRED, id=self.id, until=until)
        with patch.object(retention, "expired_until", lambda *_: until):
            count = retention.fold_old_stays(self.engine, replace(self.settings, stay_retention_days=1), now=until)
        assert count >= len(stays)  # of all lives so far
        assert self.numbers() == before
        self.folded += stays

    def scan(
        self,
        during: AbstractContextManager[Any] = nullcontext(),  # noqa: B008 - has no state
        *,
        may_miss: bool = False,
    ) -> PublishedScan | None:
        """Scan, and return None if nothing was published because of an error."""
        before, known = self.published(), {one for (one,) in self.rows(KNOWN, id=self.id)}
        error: BaseException | None = None
        scan = None
        self.may_miss |= may_miss
        with self.patches, during:
            try:
                scan = self.scan_once()
            except (WarehouseError, Killed) as caught:
                error = caught
        if error is not None:
            if isinstance(error, WarehouseError):
                report = report_error(error, self.account.key)
                assert report.full_text.startswith(f"account '{self.account.key}'"), report
                assert report.advice, report
            if self.published() == before:
                return None
            assert isinstance(error, Killed)  # after the commit
        self.known = known
        self.is_drifting = self.may_miss or bool(self.world.quirks.customer_changes_per_page)
        self.may_miss = False
        self.scan_count += 1
        return scan

    def scan_and_die(self, death: int) -> None:
        """Scan, and be killed at a step: a request, a statement or a commit."""
        self.scan(dying_at(death))

    def scan_through_a_fault(self, fault: str, resource: str, nth: int) -> None:
        """Scan while a response is not as it should be."""
        self.scan(self.emulator.faults.during(FAULTS[fault], resource=resource, nth=nth), may_miss=True)

    def scan_through_a_lie(self, lie: str, nth: int) -> None:
        """Scan while the list of customers seems to be shorter: by a page, or by all from a page on."""
        self.scan(self.emulator.faults.during(LIES[lie], resource="customers", nth=nth), may_miss=True)

    def scan_odd_rows(self, changes: dict[str, Json], nth: int, index: int) -> None:
        """Scan while a customer is unusable, or odd."""
        pages: list[list[Json]] = []

        def alter(rows: list[Json]) -> list[Json]:
            pages.append(rows)
            if rows:
                rows[index % len(rows)] |= changes
            return rows

        scan = self.scan(self.emulator.faults.during(effects.items(alter), resource="customers", nth=nth))
        # While customers change, a page that is requested again may be empty.
        is_drifting = bool(self.world.quirks.customer_changes_per_page)
        assert not (scan and any(pages) and changes in UNUSABLE) or (is_drifting and not pages[-1])

    def scan_while(self, nth: int, resource: str, act: Callable[[], object]) -> None:
        """Scan, and do something else before a request is served."""
        during = effects.before_response(lambda _: act())
        self.scan(self.emulator.faults.during(during, resource=resource, nth=nth, times=1), may_miss=True)

    def scan_with_an_early_clock(self, seconds: int) -> None:
        """Scan with a clock that is behind the latest published scan: no request is sent."""
        if not self.scan_count:
            return
        latest_start = "(select max(started_at) from amocrm.scan where account_id = :id)"
        (latest,) = self.rows(
            f"select coalesce(max(received_at), {latest_start}) from members.page"
            f" where account_id = :id and started_at = {latest_start}",
            id=self.id,
        )[0]
        now = latest - timedelta(seconds=seconds)
        before = self.published()
        with pytest.raises(SettingsError, match="ahead of this machine's clock"):
            self.scan_once(Clock(now=lambda: now, sleep=lambda _: None))
        assert self.published() == before

    def scan_twice_at_once(self, seed: int) -> None:
        """Two scans take turns: at least one publishes, and the other may be refused."""
        if self.world.account(self.id).mode == "disabled":
            return
        random = Random(seed)  # noqa: S311 - not a secret
        known = {one for (one,) in self.rows(KNOWN, id=self.id)}
        walkers = [Walker(number=number, work=self.scan_once) for number in range(2)]

        def choose(waiting: Sequence[Walker]) -> Walker:
            if random.random() < 0.02:
                change_at_random(self.world, self.id, random)
            return random.choice(waiting)

        with self.patches:
            Stepping(url=render_url(self.engine.url), choose=choose).walk(walkers)
        assert any(one.error is None for one in walkers), [one.error for one in walkers]
        assert all(one.error is None or isinstance(one.error, Superseded) for one in walkers)
        self.known, self.is_drifting, self.may_miss = known, True, False
        self.scan_count += 1

    def published(self) -> list[tuple[Any, ...]]:
        """Rows that scans have published."""
        tables = ("members.stays", "amocrm.scan", "amocrm.place_day", "amocrm.stage_move")
        rows = (f"select one::text from {table} as one where account_id = :id" for table in tables)
        return self.rows(" union all ".join(rows) + " order by 1", id=self.id)

    def numbers(self) -> list[tuple[Any, ...]]:
        """Sizes, flows, and the customers of cohorts by place."""
        cohorts = (
            "select (account_id, place, place_id, sum(entered_count), sum(remained_count))::text"
            " from analytics.cohorts where account_id = :id and month_number = 0 group by account_id, place, place_id"
        )
        tables = ("amocrm.place_day", "analytics.place_flows_daily", "amocrm.stage_move", "amocrm.stay_duration")
        rows = (f"select one::text from {table} as one where account_id = :id" for table in tables)
        return self.rows(" union all ".join((cohorts, *rows)) + " order by 1", id=self.id)


EXPIRED: Final = (
    "select is_stage, place_id, entered_by, left_by from members.stay where account_id = :id and left_by <= :until"
)
KNOWN: Final = "select distinct customer_id from members.stays where account_id = :id and left_by is null"


@contextmanager
def dying_at(death: int) -> Iterator[None]:
    """Raise ``Killed`` at a step: before or after a request or commit, or before a statement."""
    step = iter(range(death + 1))

    def pass_step() -> None:
        if next(step, None) == death:
            raise Killed

    def mortal(do: Callable[..., Any], *, is_after: bool) -> Callable[..., Any]:
        def done(*args: Any, **options: Any) -> Any:
            pass_step()
            result = do(*args, **options)
            if is_after:
                pass_step()
            return result

        return done

    with (
        patch.object(psycopg.Cursor, "execute", mortal(psycopg.Cursor.execute, is_after=False)),
        patch.object(psycopg.Connection, "commit", mortal(psycopg.Connection.commit, is_after=True)),
        patch.object(Transport, "send", mortal(Transport.send, is_after=True)),
    ):
        yield


def is_search() -> bool:
    """Return True if the profile looks for new examples."""
    return not settings().derandomize
