"""Buckets: the fixed shares of a fleet's accounts that one Dagster run loads."""

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
    """A share of all accounts.

    Only an account's key decides its bucket, so a new account moves no other.
    """

    number: int  # from 1
    count: int  # of all buckets

    @property
    def key(self) -> str:
        """Name of the bucket's partition.

        It contains a space, so it never equals an account's key.
        """
        return f"bucket {self.number:02} of {self.count:02}"

    @classmethod
    def from_key(cls, key: str) -> Bucket:
        """Parse a bucket's name. Raises ``SettingsError``."""
        found = _KEY.fullmatch(key)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise SettingsError(f"There is no bucket '{key}'.", advice="Name one like 'bucket 03 of 16'.")
        return cls(number=int(found[1]), count=int(found[2]))

    def accounts(self, accounts: Sequence[AnyAccount]) -> list[AnyAccount]:
        """Select the accounts that are in this bucket."""
        return [account for account in accounts if _stable_hash(account.key) % self.count + 1 == self.number]


def all_buckets(count: int) -> list[Bucket]:
    """List all ``count`` buckets."""
    return [Bucket(number=number, count=count) for number in range(1, count + 1)]


def is_fleet(settings: Settings) -> bool:
    """Tell if there are more accounts than buckets, so that runs per account would cost more than runs per bucket."""
    return len(settings.all_accounts) > settings.fleet_buckets


def _stable_hash(account_key: str) -> int:
    """Hash a key to a number, uniformly and the same on every machine (Python's ``hash`` is salted)."""
    return int.from_bytes(hashlib.sha256(account_key.encode()).digest()[:8])
