"""Random changes of customers, determined by a generator of random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from operator import itemgetter
from random import Random

from emulator.customer import Customer, CustomerBook
from emulator.customers import CustomerChanges

PURCHASE_DAYS, COMPLAINT_DAYS, ARRIVAL_DAYS, DELETION_DAYS = 35, 1_500, 900, 2_500
"""Days after which a customer purchases, complains, brings another one, or is deleted, on average."""

LOYAL_PURCHASES = 6
LOYAL_TAG, COMPLAINT_TAG = 174_727, 174_731
"""Tags of the seed data's rules."""

MAX_PICKS = 200
"""Customers that are looked at for one that can join or leave."""


def change_at_rate(world: CustomerChanges, account_id: int, rate: float) -> None:
    """Make as many random changes as the rate says on average, different ones each time."""
    book = world.book(account_id)
    random = Random(book.change_seed)
    book.change_seed += 1
    for _ in range(int(rate) + (random.random() < rate % 1)):
        change_at_random(world, account_id, random)


def change_at_random(world: CustomerChanges, account_id: int, random: Random) -> None:
    """Change one customer of an account, or add one."""
    book, account = world.book(account_id), world.account(account_id)
    stages = [one.id for one in account.live_stages()]
    segments = [one.id for one in account.live_segments()]
    customer = _pick(book, random)
    if customer is None or random.random() < 0.15:
        world.add_customer(account_id, segments=random.sample(segments, min(2, len(segments))))
        return
    action = random.choices(("move", "join", "leave", "delete", "hide", "purchase"), (25, 20, 20, 15, 5, 15))[0]
    if action == "move":
        world.move_customer(account_id, customer.id, random.choice(stages), created_by=random.choice((0, None)))
    elif action == "join" and segments:
        world.join_segment(account_id, customer.id, random.choice(segments))
    elif action == "leave" and customer.segments:
        world.leave_segment(account_id, customer.id, random.choice(list(customer.segments)))
    elif action == "delete":
        world.delete_customer(account_id, customer.id)
    elif action == "hide":
        world.hide_customer(account_id, customer.id, is_hidden=not customer.is_hidden)
    elif action == "purchase":
        world.purchase(account_id, customer.id, random.randrange(500, 9_000))


def live_one_day(world: CustomerChanges, account_id: int, random: Random) -> None:
    """Make the purchases, tags, arrivals and deletions of one day. New customers enter the first stage of one's own."""
    book = world.book(account_id)
    alive = sum(one.deleted_at is None for one in book.customers.values())
    for _ in range(alive // PURCHASE_DAYS):
        customer = _pick(book, random)
        if customer is not None:
            world.purchase(account_id, customer.id, random.randrange(500, 9_000))
            if customer.purchases_count == LOYAL_PURCHASES:
                world.tag_customer(account_id, customer.id, LOYAL_TAG)
    for _ in range(alive // COMPLAINT_DAYS):
        customer = _pick(book, random)
        if customer is not None:
            world.tag_customer(account_id, customer.id, COMPLAINT_TAG)
    first = next((one.id for one in world.account(account_id).live_stages() if not one.is_default), None)
    for _ in range(alive // ARRIVAL_DAYS):
        world.add_customer(account_id, stage_id=first, periodicity=random.choice((14, 30, 60)))
    for _ in range(alive // DELETION_DAYS):
        customer = _pick(book, random)
        if customer is not None:
            world.delete_customer(account_id, customer.id)


def fit_segments(world: CustomerChanges, account_id: int, sizes: Mapping[int, int], random: Random) -> None:
    """Let customers join and leave segments until each has its size, at most four fifths of all customers.

    Segments shrink first. Every second customer that joins one has just left another.
    """
    book, segments = world.book(account_id), world.account(account_id).segments
    changes = {
        one: min(size, len(book.customers) * 4 // 5) - segments[one].customers_count for one, size in sizes.items()
    }
    leavers: list[Customer] = []
    for segment_id, change in sorted(changes.items(), key=itemgetter(1)):
        done, is_joining = 0, change > 0
        for _ in range(abs(change) * MAX_PICKS):
            customer = leavers.pop() if is_joining and leavers and random.random() < 0.5 else _pick(book, random)
            if customer is None or done == abs(change):
                break
            if (segment_id in customer.segments) != is_joining:
                (world.join_segment if is_joining else world.leave_segment)(account_id, customer.id, segment_id)
                done += 1
                if not is_joining:
                    leavers.append(customer)


def _pick(book: CustomerBook, random: Random) -> Customer | None:
    """Return one customer that is not deleted, if one is found soon."""
    if len(book.ids) < len(book.customers):
        book.ids.extend(islice(book.customers, len(book.ids), None))
    for _ in range(20 if book.ids else 0):
        customer = book.customers[random.choice(book.ids)]
        if customer.deleted_at is None:
            return customer
    return None
