"""A fleet's accounts in buckets: which account is in which. How a bucket is loaded is ``fleet``'s subject."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.base.errors import SettingsError
from pipelines.config.settings import AnyAccount, Settings

_KEY: Final = re.compile(r"bucket ([0-9]{2,}) of ([0-9]{2,})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """One part of all accounts. An account's key alone decides, so that accounts come and go without moving others."""

    number: int  # from 1
    count: int  # of all buckets

    @property
    def key(self) -> str:
        """Its name as a partition. No account's key has a space in it."""
        return f"bucket {self.number:02} of {self.count:02}"

    @classmethod
    def from_key(cls, key: str) -> Bucket:
        """The bucket of that name. Raises ``SettingsError``."""
        found = _KEY.fullmatch(key)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise SettingsError(f"There is no bucket '{key}'.", advice="Name one like 'bucket 03 of 16'.")
        return cls(number=int(found[1]), count=int(found[2]))

    def accounts(self, accounts: Sequence[AnyAccount]) -> list[AnyAccount]:
        """Those of the accounts that are in it."""
        return [account for account in accounts if _stable_hash(account.key) % self.count + 1 == self.number]


def all_buckets(count: int) -> list[Bucket]:
    """All buckets, of so many."""
    return [Bucket(number=number, count=count) for number in range(1, count + 1)]


def is_fleet(settings: Settings) -> bool:
    """Whether there are so many accounts that a run for each would cost more than a bucket's."""
    return len(settings.all_accounts) > settings.fleet_buckets


def _stable_hash(account_key: str) -> int:
    """The same number for a key on every machine and day, as evenly spread as can be."""
    return int.from_bytes(hashlib.sha256(account_key.encode()).digest()[:8])
