"""Base class of the world: clock, ids, lock and accounts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import RLock

from emulator.clock import Clock
from emulator.customer import CustomerBook
from emulator.entities import Account, Grant, Integration
from emulator.quirks import Quirks

FIRST_IDS = {
    "account": 31_405_382,
    "user": 9_310_418,
    "segment": 184_207,
    "field": 1_269_471,
    "option": 2_381_857,
    "stage": 15_740_010,
    "token": 1,
    "customer": 1_299_251,
    "event": 1,
}
ID_STEPS = {"segment": 2, "field": 2, "option": 2, "stage": 3, "customer": 2}
"""Increments of ids; amoCRM's ids grow in steps, such as 4740010, 4740013 in the documentation's example."""


class WorldBase:
    """Clock, ids, lock and accounts of one emulated amoCRM."""

    def __init__(self, *, clock: Clock | None = None, quirks: Quirks | None = None, secret: str = "simulated") -> None:
        self.clock = clock or Clock()
        self.quirks = quirks or Quirks()
        self.secret = hashlib.sha256(secret.encode()).hexdigest()
        self.accounts: dict[int, Account] = {}
        self.customers: dict[int, CustomerBook] = {}  # by account id, of accounts that have customers
        self.integrations: dict[str, Integration] = {}  # by client id
        self.grants: dict[str, Grant] = {}  # by code or refresh token
        self.next_ids = dict(FIRST_IDS)
        self.lock = RLock()
        self._instant: datetime | None = None

    def now(self) -> datetime:
        """Return the clock's instant, or the one set by ``at``."""
        return self._instant or self.clock.now()

    @contextmanager
    def at(self, instant: datetime) -> Iterator[None]:
        """Use ``instant`` instead of the clock's time until the context ends."""
        with self.lock:
            before, self._instant = self._instant, instant
            try:
                yield
            finally:
                self._instant = before

    def allocate_id(self, kind: str) -> int:
        """Return a new id for a kind of entity. Ids are never reused."""
        with self.lock:
            new_id = self.next_ids[kind]
            self.next_ids[kind] = new_id + ID_STEPS.get(kind, 1)
            return new_id

    def timestamp(self) -> int:
        """Return ``now`` in unix seconds, as in the API."""
        return int(self.now().timestamp())

    def account(self, account_id: int) -> Account:
        """Return the account, to be changed only by the world's methods. Raises ``KeyError`` if it is unknown."""
        return self.accounts[account_id]

    @contextmanager
    def changing(self, account_id: int) -> Iterator[Account]:
        """Lock the account while it changes, and increment its revision."""
        with self.lock:
            account = self.account(account_id)
            yield account
            account.revision += 1
