"""World: the state of many accounts, with one method per kind of change.

Change the state only through these methods, which keep ids, timestamps and revisions correct. They are thread-safe;
``with world.lock`` makes a sequence of them atomic.
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from zoneinfo import ZoneInfo

from emulator.clock import Clock
from emulator.customer import CustomerBook
from emulator.customers import CustomerChanges
from emulator.entities import MODES, Account, Grant, Integration, Json, Mode
from emulator.fields import FieldChanges
from emulator.quirks import Quirks
from emulator.stages import SYSTEM_STAGES, rule


class World(CustomerChanges, FieldChanges):
    """All accounts of one emulated amoCRM.

    ``World()`` is empty; add accounts with ``add_account``. Equal calls at equal instants produce equal worlds.
    """

    def add_account(
        self,
        name: str = "Corner Coffee",
        *,
        subdomain: str | None = None,
        timezone: str = "Europe/Moscow",
        country: str = "RU",
        currency: str = "RUB",
        currency_symbol: str = "₽",
        mode: Mode = "segments",
        account_id: int | None = None,
    ) -> int:
        """Create an account with its four system stages and return its id."""
        ZoneInfo(timezone)
        with self.lock:
            new_id = self.allocate_id("account") if account_id is None else account_id
            if new_id in self.accounts:
                raise ValueError(f"there is an account {new_id} already")
            account = Account(
                id=new_id,
                name=name,
                subdomain=subdomain or f"example{new_id}",
                timezone=timezone,
                country=country,
                currency=currency,
                currency_symbol=currency_symbol,
                mode=mode,
                admin_id=self.allocate_id("user"),
                user_id=self.allocate_id("user"),
                created_at=self.timestamp(),
            )
            self.accounts[new_id] = account
            for stage_name, sort, color, kind, rules in SYSTEM_STAGES:
                conditions = [[rule(*one)] for one in rules]
                stage_id = self.add_stage(new_id, stage_name, sort=sort, color=color, conditions=conditions)
                account.stages[stage_id].type = kind
                account.stages[stage_id].is_default = True
            return new_id

    def switch_mode(self, account_id: int, mode: Mode) -> None:
        """Change ``customers_mode``. Entities of the old mode are kept for when it is set again."""
        if mode not in MODES:
            raise ValueError(f"no such mode: {mode}")
        with self.changing(account_id) as account:
            account.mode = mode

    def enable_filter(self, account_id: int, *, is_enabled: bool = True) -> None:
        """Set the paid option by which lists heed ``filter``."""
        with self.changing(account_id) as account:
            account.is_filter_enabled = is_enabled

    def move_account(self, account_id: int, *, subdomain: str | None = None, timezone: str | None = None) -> None:
        """Change the account's subdomain or timezone."""
        with self.changing(account_id) as account:
            account.subdomain = subdomain or account.subdomain
            account.timezone = timezone or account.timezone

    def shows_segments(self, account_id: int) -> bool:
        """Return True if the account's mode has segments and fields."""
        return self.account(account_id).mode in ("segments", "dynamic")

    def shows_stages(self, account_id: int) -> bool:
        """Return True if the account's mode has stages."""
        return self.account(account_id).mode == "periodicity"

    def shown_segments(self, account_id: int) -> list[dict[str, Json]]:
        """Return the items of the segments list, without ``_links``; none if the mode has no segments."""
        with self.lock:
            account, with_codes = self.account(account_id), self.quirks.shows_enum_codes
            if not self.shows_segments(account_id):
                return []
            rows = [segment.item(account, with_enum_codes=with_codes) for segment in account.live_segments()]
            book = self.customers.get(account_id)
            counted = book.counted_sizes if book and self.quirks.size_lag_seconds else {}
            return [row | {"customers_count": counted.get(row["id"], row["customers_count"])} for row in rows]

    def shown_fields(self, account_id: int) -> list[dict[str, Json]]:
        """Return the items of the fields list, without ``_links``; none if the mode has no segments."""
        with self.lock:
            account = self.account(account_id)
            return [one.item(account) for one in account.live_fields()] if self.shows_segments(account_id) else []

    def shown_stages(self, account_id: int) -> list[dict[str, Json]]:
        """Return the items of the stages list, without ``_links``; none if the mode has no stages."""
        with self.lock:
            account = self.account(account_id)
            stages = account.live_stages() if self.shows_stages(account_id) else []
            return [copy.deepcopy(stage.item(account)) for stage in stages]

    def to_json(self) -> dict[str, Json]:
        """Serialize everything except the clock."""
        with self.lock:
            return {
                "secret": self.secret,
                "next_ids": dict(self.next_ids),
                "quirks": asdict(self.quirks),
                "accounts": [account.to_json() for account in self.accounts.values()],
                "customers": [{"account_id": key, **book.to_json()} for key, book in self.customers.items()],
                "integrations": [asdict(one) for one in self.integrations.values()],
                "grants": {secret: asdict(one) for secret, one in self.grants.items()},
            }

    @classmethod
    def from_json(cls, data: dict[str, Json], *, clock: Clock | None = None) -> World:
        """Restore a world; tokens that it issued stay valid."""
        world = cls(clock=clock, quirks=Quirks(**data["quirks"]))
        world.secret = data["secret"]
        world.next_ids |= data["next_ids"]
        world.accounts = {one["id"]: Account.from_json(one) for one in data["accounts"]}
        world.customers = {one["account_id"]: CustomerBook.from_json(one) for one in data.get("customers", [])}
        world.integrations = {one["client_id"]: Integration(**one) for one in data["integrations"]}
        world.grants = {secret: Grant(**one) for secret, one in data["grants"].items()}
        return world
