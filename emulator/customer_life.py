"""Random changes of customers, determined by a generator of random numbers."""

from __future__ import annotations

from itertools import islice
from random import Random

from emulator.customer import Customer, CustomerBook
from emulator.customers import CustomerChanges


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


def _pick(book: CustomerBook, random: Random) -> Customer | None:
    """Return one customer that is not deleted, if one is found soon."""
    if len(book.ids) < len(book.customers):
        book.ids.extend(islice(book.customers, len(book.ids), None))
    for _ in range(20 if book.ids else 0):
        customer = book.customers[random.choice(book.ids)]
        if customer.deleted_at is None:
            return customer
    return None
