"""Settings that apply where the program was called."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.base.settings_folder import settings_folder
from pipelines.config.settings import Settings, load_settings


def load_current_settings() -> Settings:
    """Load the settings. Raises ``SettingsError``."""
    return load_settings(os.environ, current_settings_folder())


def current_settings_folder() -> Path:
    """Return the folder of ``.env`` and ``accounts.toml``."""
    return settings_folder(os.environ, Path.cwd())


def dagster_home(settings: Settings) -> Path:
    """Return Dagster's home: ``DAGSTER_HOME``, or a folder in the data folder."""
    named = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(named).expanduser() if named else settings.data_dir / "dagster"
