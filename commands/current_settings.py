"""Where the commands work: the folder of the settings, and what they say."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.base.settings_folder import settings_folder
from pipelines.config.settings import Settings, load_settings


def load_current_settings() -> Settings:
    """The settings that hold where the program was called."""
    return load_settings(os.environ, current_settings_folder())


def current_settings_folder() -> Path:
    """The folder of ``.env`` and ``accounts.toml``."""
    return settings_folder(os.environ, Path.cwd())


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its configuration, runs and events: as ``DAGSTER_HOME`` says, else in the data folder."""
    named = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(named).expanduser() if named else settings.data_dir / "dagster"
