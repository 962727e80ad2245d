"""Scans of random lives, compared with the emulator's true record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import Engine

from emulator import Clock, Emulator, effects
from emulator.customer import Stay
from emulator.customer_life import change_at_random
from emulator.quirks import Quirks
from pipelines.base.clock import Clock as ScanClock
from pipelines.base.errors import WarehouseError
from pipelines.customers.publish_scan import PublishedScan
from pipelines.customers.scan import scan_customers
from pipelines.load.context import LoadContext
from tests.accounts import EmulatedAccount
from tests.records import START

DAYS = 4
EXAMPLES = 5


def random_quirks(random: Random) -> Quirks:
    """Behaviour of the API where amoCRM's documentation is silent."""
    return Quirks(
        max_limit=7,
        falls_back_over_max=False,
        customers_order=random.choice(("id", "updated_at")),
        customer_changes_per_page=random.choice((0.0, 1.5)),
        missing_event_share=random.choice((0.0, 0.4)),
        hidden_customer_status=random.choice((200, 403)),
        is_deleted_customer_204=random.random() < 0.5,
        ignores_event_filters=random.random() < 0.5,
        is_past_end_204=random.random() < 0.5,
        customers_504_above=random.choice((None, 60)),
    )


class Life(EmulatedAccount):
    """An account whose customers change at random, scanned once or twice a day, with interruptions."""

    def __init__(self, emulator: Emulator, engine: Engine, root: Path, seed: int, mode: str) -> None:
        super().__init__(emulator, engine, root, mode=mode)
        self.random = Random(seed)  # noqa: S311 - not a secret
        for number in range(4):
            self.world.add_segment(self.id, f"Segment {number}")
        self.load(0)
        self.world.add_customers(self.id, 25, seed=seed)
        for _ in range(10):
            change_at_random(self.world, self.id, self.random)

    def scan(self) -> PublishedScan:
        """Scan the customers. Each look at the clock takes a second."""
        clock = ScanClock(now=lambda: self.emulator.clock.advance(timedelta(seconds=1)), sleep=lambda _: None)
        return scan_customers(LoadContext(self.engine, self.account, self.settings, clock=clock))

    def live(self) -> Iterator[PublishedScan]:
        """Let days pass, and yield each scan. Some are killed at a page and go on."""
        for _ in range(DAYS):
            self.emulator.clock.advance(timedelta(hours=self.random.choice((7, 24))))
            for _ in range(self.random.randrange(12)):
                change_at_random(self.world, self.id, self.random)
            if self.random.random() < 0.4:
                page = self.random.randrange(1, 5)
                with (
                    suppress(WarehouseError),
                    self.emulator.faults.during(
                        effects.error(402), resource=self.random.choice(("customers", "events")), page=page
                    ),
                ):
                    yield self.scan()
                    continue
            yield self.scan()


def test_scans_agree_with_the_truth(engine: Engine, tmp_path: Path) -> None:
    for seed in range(EXAMPLES):
        with Emulator(clock=Clock(START)) as emulator:
            life = Life(emulator, engine, tmp_path / str(seed), seed, ("segments", "periodicity")[seed % 2])
            emulator.world.quirks = random_quirks(life.random)
            for _ in life.live():
                check_sizes(life)
            check_bounds(life, seed)
            check_overlaps(life)
            check_flows(life)
            empty_tables(life)


def check_sizes(life: Life) -> None:
    """Daily sizes are the open stays, and without changes during the scan the model's."""
    places = "is_stage, place_id"
    sizes = {
        (is_stage, place_id): count
        for is_stage, place_id, count in life.rows(
            f"select {places}, last_count from amocrm.place_day"
            " where observed_date = (select max(scan_date) from amocrm.scan) and last_count > 0"
        )
    }
    assert sizes == {
        (is_stage, place_id): count
        for is_stage, place_id, count in life.rows(
            f"select {places}, count(*) from members.stay where left_by is null group by {places}"
        )
    }
    book = life.world.book(life.id)
    if not life.world.quirks.customer_changes_per_page and not any(one.is_hidden for one in book.customers.values()):
        model = Counter((stay.kind == "stage", stay.place_id) for stay in book.stays() if stay.left_at is None)
        assert sizes == dict(model)
        assert not life.rows(
            "select * from amocrm.member_difference where started_at = (select max(started_at) from amocrm.scan)"
        )


def check_bounds(life: Life, seed: int) -> None:
    """Each stored stay has a true one within its bounds, and none has ended that goes on."""
    truth: defaultdict[tuple[int, bool, int], list[Stay]] = defaultdict(list)
    for stay in life.world.book(life.id).stays():
        truth[stay.customer_id, stay.kind == "stage", stay.place_id].append(stay)
    stored = life.rows(
        "select customer_id, is_stage, place_id, entered_after, entered_by, left_after, left_by from members.stay"
    )
    assert stored
    for customer_id, is_stage, place_id, entered_after, entered_by, left_after, left_by in stored:
        # A customer may leave and come back between two reads: one stay begins, and one ends, within the bounds.
        stays = truth[customer_id, is_stage, place_id]
        begins = [stay for stay in stays if (entered_after or START) <= stay.entered_at <= entered_by]
        ends = [stay for stay in stays if stay.left_at and left_by and left_after <= stay.left_at <= left_by]
        assert begins, (seed, customer_id, place_id)
        assert ends or left_by is None, (seed, customer_id, place_id)


def check_overlaps(life: Life) -> None:
    """No customer is in a place twice at a time."""
    assert not life.rows(
        """
        select one.customer_id
        from members.stay as one
        join members.stay as next using (account_id, customer_id, is_stage, place_id)
        where one.ctid <> next.ctid
            and next.entered_by >= one.entered_by
            and next.entered_by <= coalesce(one.left_by, 'infinity')
        """
    )


def check_flows(life: Life) -> None:
    """The flows of all days add up to the sizes."""
    assert not life.rows(
        """
        select day.is_stage, day.place_id, day.observed_date
        from amocrm.place_day as day
        left join lateral (
            select last_count from amocrm.place_day as one
            where one.is_stage = day.is_stage and one.place_id = day.place_id and one.observed_date < day.observed_date
            order by observed_date desc limit 1
        ) as earlier on true
        where day.last_count - coalesce(earlier.last_count, 0) <> day.joined_count - day.left_count
            or day.joined_count - day.left_count <> coalesce((
                select sum(case when flow.to_place_id = day.place_id then customers_count else -customers_count end)
                from amocrm.place_flow_day as one
                cross join lateral unnest(one.from_place_ids, one.to_place_ids, one.customers_counts)
                    as flow (from_place_id, to_place_id, customers_count)
                where one.is_stage = day.is_stage
                    and one.flow_date = day.observed_date
                    and day.place_id in (flow.from_place_id, flow.to_place_id)
                    and flow.from_place_id <> flow.to_place_id
            ), 0)
        """
    )


def empty_tables(life: Life) -> None:
    """Empty all tables for the next example."""
    tables = life.rows(
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname in ('amocrm', 'members') and tablename not like 'schema%' and tablename <> 'role_name'"
    )
    life.execute(f"truncate {', '.join(name for (name,) in tables)} cascade")
