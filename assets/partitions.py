"""Partitions by account. Not by time: amoCRM's API has no past, so gaps cannot be backfilled."""

from __future__ import annotations

from typing import Final

import dagster as dg

from pipelines.base.errors import SettingsError
from pipelines.config.settings import Settings

ACCOUNTS: Final = dg.DynamicPartitionsDefinition(name="accounts")
"""One partition per account of the settings; its key is ``AccountSettings.key``."""


def single_partition(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> str:
    """Return the run's partition: an account's key, or a bucket. Raises ``SettingsError`` unless there is one."""
    if not context.has_partition_key:
        raise SettingsError(
            "The run has no partition, or a range of them, so it is unknown what to load.",
            advice="Launch it for one partition: an account's key, or for load_fleet a bucket like 'bucket 03 of 16'. "
            "The schedule load_accounts registers both at its next tick.",
        )
    return context.partition_key


def register_accounts(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Register the accounts of the settings as partitions and return all their keys.

    An account that was removed from the settings keeps its partition, because its history is kept.
    """
    keys = [account.key for account in settings.all_accounts]
    new = set(keys) - set(instance.get_dynamic_partitions("accounts"))
    if new:
        instance.add_dynamic_partitions("accounts", sorted(new))
    return keys
