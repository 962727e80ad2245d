"""Accounts as Dagster's partitions. Never time: amoCRM cannot be asked about the past, so no gap can ever be filled."""

from __future__ import annotations

from typing import Final

import dagster as dg

from pipelines.config.settings import Settings

ACCOUNTS: Final = dg.DynamicPartitionsDefinition(name="accounts")
"""One partition per account of the settings; its key is ``AccountSettings.key``."""


def register_accounts(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Make the accounts of the settings known to Dagster; the keys, all of them.

    An account that left the settings stays known: its history is still there.
    """
    keys = [account.key for account in settings.all_accounts]
    new = set(keys) - set(instance.get_dynamic_partitions("accounts"))
    if new:
        instance.add_dynamic_partitions("accounts", sorted(new))
    return keys
