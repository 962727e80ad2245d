"""Component with which an existing Dagster project loads amoCRM: the same definitions, beside its own."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from assets.definitions import build_definitions, settings_or_defaults
from assets.resources import WarehouseResource
from pipelines.load.buckets import is_fleet


class AmocrmWarehouse(dg.Component, dg.Model, dg.Resolvable):
    """History of amoCRM (Kommo) accounts in Postgres: segments, sizes, fields, and stages with their rules."""

    folder: str | None = None
    """Folder of .env and accounts.toml; by default as for the command line."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's
        """Build the definitions for the schedule of the settings, without an executor: the project has its own."""
        folder = Path(os.path.expandvars(self.folder)).expanduser() if self.folder else None
        settings = settings_or_defaults(folder)
        return build_definitions(
            settings.schedule_cron,
            settings.schedule_timezone,
            WarehouseResource(folder=str(folder) if folder else None),
            is_fleet=is_fleet(settings),
            executor=None,
        )
