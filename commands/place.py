"""Where the commands work: the folder of the settings, and what they say."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.place import settings_folder
from pipelines.settings import Settings, load_settings


def settings_here() -> Settings:
    """The settings that hold where the program was called."""
    return load_settings(os.environ, folder_here())


def folder_here() -> Path:
    """The folder of ``.env`` and ``accounts.toml``."""
    return settings_folder(os.environ, Path.cwd())


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its configuration, runs and events: as ``DAGSTER_HOME`` says, else in the data folder."""
    named = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(named).expanduser() if named else settings.data_dir / "dagster"
