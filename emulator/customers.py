"""Changes of customers: each keeps the true record, the events and the segments' counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from emulator.customer import Customer, CustomerBook, CustomerEvent, EventType, Stay
from emulator.customer_rules import find_rules, schedule
from emulator.segments import SegmentChanges
from emulator.stages import StageChanges

RECENTLY_PURCHASED = 4
"""Type of the stage that a purchase leads to."""


class CustomerChanges(SegmentChanges, StageChanges):
    """Changes of customers. ``created_by`` is the user who acts; 0 is amoCRM's automation."""

    def book(self, account_id: int) -> CustomerBook:
        """Return the customers of an account; a book in ``customers`` turns them on."""
        if account_id not in self.customers:
            self.customers[account_id] = CustomerBook()
        return self.customers[account_id]

    def add_customer(
        self,
        account_id: int,
        *,
        stage_id: int | None = None,
        segments: Iterable[int] = (),
        tags: Iterable[int] = (),
        periodicity: int = 30,
        next_date: datetime | None = None,
    ) -> int:
        """Add a customer, by default in the first stage, and return its id."""
        with self.lock:
            account, now = self.account(account_id), self.now()
            customer = Customer(
                id=self.allocate_id("customer"),
                stage_id=account.live_stages()[0].id if stage_id is None else stage_id,
                stage_since=now,
                created_at=now,
                updated_at=now,
                tags=tuple(tags),
                periodicity=periodicity,
                next_date=next_date,
            )
            book = self.book(account_id)
            book.customers[customer.id] = customer
            self._add_event(account_id, "customer_added", customer.id, account.admin_id)
            for segment_id in segments:
                self.join_segment(account_id, customer.id, segment_id)
            schedule(book, customer, find_rules(self.account(account_id)), now)
            book.revision += 1
            return customer.id

    def add_customers(self, account_id: int, count: int, *, seed: int = 1, segments_each: int = 3) -> list[int]:
        """Add many customers with random stages, segments and purchases, quickly and without events; return the ids."""
        with self.changing(account_id) as account:
            random, now, book = Random(seed), self.now(), self.book(account_id)
            stages = [one.id for one in account.live_stages()]
            segments = [one.id for one in account.live_segments()]
            midnight = now.astimezone(ZoneInfo(account.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
            joined: Counter[int] = Counter()
            added = []
            for _ in range(count):
                places = set(random.choices(segments, k=segments_each)) if segments else set()
                purchases, check = random.randrange(9), random.randrange(500, 9_000)
                customer = Customer(
                    id=self.allocate_id("customer"),
                    stage_id=random.choice(stages),
                    stage_since=now,
                    created_at=now - timedelta(minutes=random.randrange(700 * 1440)),
                    updated_at=now - timedelta(minutes=random.randrange(30 * 1440)),
                    segments=dict.fromkeys(sorted(places), now),
                    periodicity=random.choice((14, 30, 60)),
                    next_date=midnight + timedelta(days=random.randrange(-20, 60)),
                    next_price=check,
                    last_purchase_at=now - timedelta(minutes=random.randrange(1, 40 * 1440)) if purchases else None,
                    ltv=purchases * check,
                    purchases_count=purchases,
                )
                joined.update(places)
                book.customers[customer.id] = customer
                added.append(customer.id)
            for segment_id, number in joined.items():
                self.set_size(account_id, segment_id, account.segments[segment_id].customers_count + number)
            book.revision += 1
            book.scheduled_rules = None
            return added

    def delete_customer(self, account_id: int, customer_id: int, *, created_by: int | None = None) -> None:
        """Delete a customer: it leaves its stage and all segments."""
        with self._changing_customer(account_id, customer_id) as customer:
            for segment_id in list(customer.segments):
                self.leave_segment(account_id, customer_id, segment_id)
            self._end_stage(account_id, customer)
            customer.deleted_at = self.now()
            self._add_event(account_id, "customer_deleted", customer_id, created_by)

    def hide_customer(self, account_id: int, customer_id: int, *, is_hidden: bool = True) -> None:
        """Take away, or return, the right of the tokens' users to see a customer."""
        with self.lock:
            self.book(account_id).customers[customer_id].is_hidden = is_hidden
            self.book(account_id).revision += 1

    def move_customer(self, account_id: int, customer_id: int, stage_id: int, *, created_by: int | None = None) -> None:
        """Move a customer to a stage; nothing happens if it is there or is deleted."""
        with self.lock:
            customer = self.book(account_id).customers[customer_id]
            if customer.stage_id == stage_id or customer.deleted_at is not None:
                return
            before = customer.stage_id
            self._end_stage(account_id, customer)
            customer.stage_id, customer.stage_since = stage_id, self.now()
            self._add_event(
                account_id, "customer_status_changed", customer_id, created_by, before=before, after=stage_id
            )
            self._touch(account_id, customer, is_moving=self.quirks.stage_moves_customer_updated_at)

    def join_segment(self, account_id: int, customer_id: int, segment_id: int) -> None:
        """Add a customer to a segment. There is no event of it."""
        with self.lock:
            customer = self.book(account_id).customers[customer_id]
            if segment_id in customer.segments or customer.deleted_at is not None:
                return
            customer.segments[segment_id] = self.now()
            self._change_size(account_id, segment_id, 1)
            self._touch(account_id, customer, is_moving=self.quirks.segment_moves_customer_updated_at)

    def leave_segment(self, account_id: int, customer_id: int, segment_id: int) -> None:
        """Remove a customer from a segment. There is no event of it."""
        with self.lock:
            customer = self.book(account_id).customers[customer_id]
            since = customer.segments.pop(segment_id, None)
            if since is None:
                return
            self.book(account_id).past_stays.append(Stay(customer_id, "segment", segment_id, since, self.now()))
            self._change_size(account_id, segment_id, -1)
            self._touch(account_id, customer, is_moving=self.quirks.segment_moves_customer_updated_at)

    def purchase(self, account_id: int, customer_id: int, price: int = 1_000) -> None:
        """Record a purchase: the next one is due after the customer's period, and the stage follows."""
        with self._changing_customer(account_id, customer_id) as customer:
            account, now = self.account(account_id), self.now()
            customer.last_purchase_at, customer.next_price = now, price
            customer.purchases_count += 1
            customer.ltv += price
            midnight = now.astimezone(ZoneInfo(account.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
            customer.next_date = midnight + timedelta(days=customer.periodicity)
            recent = next((one.id for one in account.live_stages() if one.type == RECENTLY_PURCHASED), None)
            if recent is not None and account.mode == "periodicity":
                self.move_customer(account_id, customer_id, recent, created_by=0)

    def tag_customer(self, account_id: int, customer_id: int, tag_id: int) -> None:
        """Add a tag; a stage whose rule names it gets the customer at once."""
        with self._changing_customer(account_id, customer_id) as customer:
            customer.tags = tuple(dict.fromkeys((*customer.tags, tag_id)))
            for one in find_rules(self.account(account_id)):
                if one.kind == "tag" and tag_id in one.tags:
                    self.move_customer(account_id, customer_id, one.stage_id, created_by=0)

    def shows_customers(self, account_id: int) -> bool:
        """Return True if the account's mode has customers."""
        return self.account(account_id).mode not in ("unavailable", "disabled")

    @contextmanager
    def _changing_customer(self, account_id: int, customer_id: int) -> Iterator[Customer]:
        with self.lock:
            book = self.book(account_id)
            customer = book.customers[customer_id]
            yield customer
            self._touch(account_id, customer, is_moving=True)
            schedule(book, customer, find_rules(self.account(account_id)), self.now())

    def _touch(self, account_id: int, customer: Customer, *, is_moving: bool) -> None:
        self.book(account_id).revision += 1
        if is_moving:
            customer.updated_at = self.now()

    def _end_stage(self, account_id: int, customer: Customer) -> None:
        stay = Stay(customer.id, "stage", customer.stage_id, customer.stage_since, self.now())
        self.book(account_id).past_stays.append(stay)

    def _change_size(self, account_id: int, segment_id: int, change: int) -> None:
        segment = self.account(account_id).segments[segment_id]
        self.set_size(account_id, segment_id, segment.customers_count + change)

    def _add_event(
        self,
        account_id: int,
        kind: EventType,
        customer_id: int,
        created_by: int | None,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> None:
        event_id = self.allocate_id("event")
        user_id = self.account(account_id).admin_id if created_by is None else created_by
        is_missing = event_id * 2_654_435_761 % 2**32 < self.quirks.missing_event_share * 2**32
        event = CustomerEvent(event_id, kind, self.now(), customer_id, user_id, before, after, is_missing)
        self.book(account_id).events.append(event)
