"""Rules of stages that move customers as time passes.

The vendor's page names the rules and not their meaning. The emulator decides: ``before_purchase`` moves a customer so
many days before the planned purchase, ``after_today`` so many days after it, ``after_purchase`` so many days after the
last one, ``tag`` when the tag is added. "Did not purchase" is reached a day after the planned purchase. Each rule of
any group moves.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from emulator.customer import Customer, CustomerBook
from emulator.entities import Account

DID_NOT_PURCHASE = 2
"""Type of the stage of customers who missed the planned purchase."""


class MoveRule(NamedTuple):
    """One rule: customers move to the stage by days or by tags."""

    stage_id: int
    kind: str
    days: int = 0
    tags: tuple[int, ...] = ()

    def due_at(self, customer: Customer) -> datetime | None:
        """Return the instant at which the rule moves the customer, if there is one."""
        days = timedelta(days=self.days)
        if self.kind == "before_purchase":
            return customer.next_date and customer.next_date - days
        if self.kind == "after_today":
            return customer.next_date and customer.next_date + days
        if self.kind == "after_purchase":
            return customer.last_purchase_at and customer.last_purchase_at + days
        return None


def find_rules(account: Account) -> tuple[MoveRule, ...]:
    """Return the rules of an account's stages; none if its mode has no stages."""
    if account.mode != "periodicity":
        return ()
    found = []
    for stage in account.live_stages():
        if stage.type == DID_NOT_PURCHASE and not stage.conditions:
            found.append(MoveRule(stage.id, "after_today", 1))
        for one in (one for group in stage.conditions for one in group):
            value = one.get("match", {}).get("value")
            if isinstance(value, int):
                found.append(MoveRule(stage.id, one["type"], days=value))
            elif isinstance(value, list):
                found.append(MoveRule(stage.id, one["type"], tags=tuple(value)))
    return tuple(found)


def schedule(book: CustomerBook, customer: Customer, rules: Sequence[MoveRule], after: datetime) -> None:
    """Compute when the next rule moves a customer."""
    customer.schedule += 1
    if customer.deleted_at is None:
        instants = [due for one in rules if (due := one.due_at(customer)) is not None and due > after]
        if instants:
            heapq.heappush(book.due, (min(instants), customer.id, customer.schedule))
