"""Where the commands work: the folder they are called in, and its settings."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.settings import Settings, load_settings


def settings_here() -> Settings:
    """The settings of the folder that the program was called in."""
    return load_settings(os.environ, Path.cwd())


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its configuration, runs and events: as ``DAGSTER_HOME`` says, else in the data folder."""
    named = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(named).expanduser() if named else settings.data_dir / "dagster"
