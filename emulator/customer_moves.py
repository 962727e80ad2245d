"""Moves of customers as time passes: by the stages' rules, and out of deleted stages and segments."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime

from emulator.customer_rules import MoveRule, find_rules, schedule
from emulator.customers import CustomerChanges
from emulator.stages import CUSTOMER_MOVE_SECONDS


def advance_customers(world: CustomerChanges, account_id: int, to: datetime) -> None:
    """Move customers by the rules, and out of deleted stages and segments, in the order of time."""
    book, rules = world.customers[account_id], find_rules(world.account(account_id))
    if book.scheduled_rules != rules:
        book.due.clear()
        for customer in book.customers.values():
            schedule(book, customer, rules, max(customer.stage_since, book.advanced_at or customer.stage_since))
        book.scheduled_rules = rules
    deletions = [one for one in _deletions(world, account_id) if one[0] <= to]
    for at, kind, place_id, key in deletions:
        _apply_rules(world, account_id, rules, at)
        with world.at(at):
            _empty(world, account_id, kind, place_id)
        book.emptied.add(key)
    _apply_rules(world, account_id, rules, to)
    lag = world.quirks.size_lag_seconds
    if lag and (book.advanced_at is None or to.timestamp() // lag > book.advanced_at.timestamp() // lag):
        book.counted_sizes = {one.id: one.customers_count for one in world.account(account_id).segments.values()}
    book.advanced_at = max(to, book.advanced_at or to)


def _apply_rules(world: CustomerChanges, account_id: int, rules: tuple[MoveRule, ...], to: datetime) -> None:
    book = world.customers[account_id]
    while book.due and book.due[0][0] <= to:
        at, customer_id, number = heapq.heappop(book.due)
        customer = book.customers[customer_id]
        if customer.schedule != number:
            continue
        with world.at(at.astimezone(UTC)):
            for one in rules:
                if one.due_at(customer) == at:
                    world.move_customer(account_id, customer_id, one.stage_id, created_by=0)
        schedule(book, customer, rules, at)


def _deletions(world: CustomerChanges, account_id: int) -> list[tuple[datetime, str, int, tuple[int, int]]]:
    """Return the deleted stages and segments that still have customers, with when those leave, in that order."""
    account, book = world.account(account_id), world.customers[account_id]
    return sorted(
        (datetime.fromtimestamp(place.deleted_at + delay, UTC), kind, place.id, (place.id, place.deleted_at))
        for kind, places, delay in (
            ("stage", account.stages, CUSTOMER_MOVE_SECONDS),
            ("segment", account.segments, 0),
        )
        for place in places.values()
        if place.deleted_at is not None and (place.id, place.deleted_at) not in book.emptied
    )


def _empty(world: CustomerChanges, account_id: int, kind: str, place_id: int) -> None:
    """Move the customers of a deleted stage to the first one, or end the stays in a deleted segment."""
    stages = world.account(account_id).live_stages()
    for customer in list(world.customers[account_id].customers.values()):
        if kind == "segment":
            world.leave_segment(account_id, customer.id, place_id)
        elif customer.stage_id == place_id and stages:
            world.move_customer(account_id, customer.id, stages[0].id, created_by=0)
