"""What Dagster hands to the steps: plain objects of ``pipelines``, made when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import dagster as dg
from sqlalchemy import Engine

from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.base.settings_folder import settings_folder
from pipelines.config.settings import AccountSettings, Settings, load_alert_webhook, load_settings
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.migrate import check_schema


class WarehouseResource:
    """What a step works with. Nothing is read or opened before a step asks, so that it can tell what is wrong."""

    def __init__(
        self,
        read_settings: Callable[[], Settings],
        exit_stack: ExitStack,
        clock: Clock = SYSTEM_CLOCK,
        read_alert_address: Callable[[], Secret | None] = lambda: None,
    ) -> None:
        self._read_settings = read_settings
        self._read_alert_address = read_alert_address  # where the settings as a whole cannot be read
        self._until = exit_stack  # ends what was opened
        self.clock = clock

    @cached_property
    def settings(self) -> Settings:
        """What the user has set. Raises ``SettingsError``."""
        return self._read_settings()

    @cached_property
    def alert_webhook_url(self) -> Secret | None:
        """Where failures are told, that of the settings themselves included; None where nobody is."""
        try:
            return self.settings.alert_webhook_url
        except SettingsError:
            return self._read_alert_address()

    @cached_property
    def engine(self) -> Engine:
        """The warehouse, with the schema this program needs. Raises ``DatabaseUnavailable`` and ``MigrationError``."""
        engine = self._until.enter_context(open_warehouse(self.settings))
        check_schema(engine)
        return engine

    def account(self, key: str) -> AccountSettings:
        """The account of that key. Raises ``SettingsError`` where the settings do not know it any more."""
        return self.settings.account(key)


@dg.resource(description="The settings, and the warehouse that they name.")
def warehouse_resource(_context: dg.InitResourceContext) -> Iterator[WarehouseResource]:
    """A workbench for one run, or one tick."""
    with ExitStack() as exit_stack:
        sources = os.environ, settings_folder(os.environ, Path.cwd())
        yield WarehouseResource(
            lambda: load_settings(*sources), exit_stack, read_alert_address=lambda: load_alert_webhook(*sources)
        )
