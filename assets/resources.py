"""Warehouse resource: the settings and the database, opened when a step first needs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import SettingsError
from pipelines.base.settings_folder import settings_folder
from pipelines.config.receivers import Receiver
from pipelines.config.settings import AnyAccount, Settings, load_receivers, load_settings
from pipelines.load.context import LoadContext
from pipelines.warehouse.engine import open_warehouse
from pipelines.warehouse.migrate import check_schema


class Warehouse:
    """Settings, database and clock of one run or tick. Opened lazily, so that a step can report what is wrong."""

    def __init__(
        self,
        read_settings: Callable[[], Settings],
        exit_stack: ExitStack,
        clock: Clock = SYSTEM_CLOCK,
        read_receivers: Callable[[], tuple[Receiver, ...]] = tuple,
    ) -> None:
        self._read_settings = read_settings
        self._read_receivers = read_receivers  # used if the settings as a whole are invalid
        self._exit_stack = exit_stack  # closes the database
        self.clock = clock

    @cached_property
    def settings(self) -> Settings:
        """The user's settings. Raises ``SettingsError``."""
        return self._read_settings()

    @cached_property
    def receivers(self) -> tuple[Receiver, ...]:
        """Receivers of alerts, also if other settings are invalid."""
        try:
            return self.settings.receivers
        except SettingsError:
            return self._read_receivers()

    @cached_property
    def engine(self) -> Engine:
        """The database, at this version's schema. Raises ``DatabaseUnavailable`` and ``MigrationError``."""
        engine = self._exit_stack.enter_context(open_warehouse(self.settings))
        check_schema(engine)
        return engine

    def load_context(self, account: AnyAccount, run_id: str) -> LoadContext:
        """Return what loads and changes of an account need. Raises as ``settings`` and ``engine``."""
        return LoadContext(self.engine, account, self.settings, clock=self.clock, run_id=run_id)


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The settings, and the warehouse that they name."""

    folder: str | None = Field(
        default=None, description="Folder of .env and accounts.toml; by default as for the command line."
    )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Warehouse]:  # noqa: ARG002 - Dagster's
        """Yield a warehouse for one run or tick."""
        folder = Path(self.folder) if self.folder else settings_folder(os.environ, Path.cwd())
        with ExitStack() as exit_stack:
            yield Warehouse(
                lambda: load_settings(os.environ, folder),
                exit_stack,
                read_receivers=lambda: load_receivers(os.environ, folder),
            )
