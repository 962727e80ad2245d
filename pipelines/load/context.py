"""Context of one load: the account, its settings, and the services that every step uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from sqlalchemy import Engine

from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.config.accounts import AccountSettings, AnyAccount
from pipelines.config.settings import Settings


@dataclass(frozen=True, slots=True)
class LoadContext:
    """One account to load or to change, and the warehouse that keeps its history."""

    engine: Engine
    configured_account: AnyAccount  # possibly with invalid settings
    settings: Settings
    _: KW_ONLY
    clock: Clock = SYSTEM_CLOCK
    run_id: str | None = None  # Dagster's
    before_publishing: Callable[[], object] = lambda: None
    """Called when all is fetched and parsed. It may raise, which ends the load with nothing published."""

    @property
    def account(self) -> AccountSettings:
        """The account's settings. Raises ``SettingsError`` if they are invalid."""
        if isinstance(self.configured_account, AccountSettings):
            return self.configured_account
        raise self.configured_account.error

    @property
    def account_key(self) -> str:
        """The account's name in the settings."""
        return self.configured_account.key
