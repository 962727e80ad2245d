"""Settings that apply where the program was called."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.base.errors import SettingsError
from pipelines.base.private_path import refuse_planted
from pipelines.base.settings_folder import settings_folder
from pipelines.config.parsing import parse_path
from pipelines.config.settings import Settings, load_settings


def load_current_settings() -> Settings:
    """Load the settings. Raises ``SettingsError``, also if another user may have planted them."""
    here = current_settings_folder()
    for name in (".env", "accounts.toml"):
        refuse_foreign(here / name)
    settings = load_settings(os.environ, here)
    for folder in (settings.data_dir, settings.token_file("").parent, settings.report_file("").parent):
        refuse_foreign(folder)
    return settings


def current_settings_folder() -> Path:
    """Return the folder of ``.env`` and ``accounts.toml``. Raises ``SettingsError``."""
    try:
        here = Path.cwd()
    except OSError:
        raise SettingsError("The current folder is gone.", advice="Change to an existing folder.") from None
    return settings_folder(os.environ, here)


def dagster_home(settings: Settings) -> Path:
    """Return Dagster's home: ``DAGSTER_HOME``, or a folder in the data folder."""
    named = os.environ.get("DAGSTER_HOME", "").strip()
    home = parse_path(named) if named else settings.data_dir / "dagster"
    refuse_foreign(home)  # its dagster.yaml names classes that Dagster imports
    return home


def refuse_foreign(path: Path) -> None:
    """Raise ``SettingsError`` if another user may have planted settings or a folder of data."""
    try:
        refuse_planted(path)
    except OSError as error:
        raise SettingsError(
            f"{path} is not used: {error.strerror}.",
            advice="Use a folder of your own: AMOCRM_DATA_DIR and its like name folders of data, AMOCRM_SETTINGS_DIR "
            "that of .env and accounts.toml.",
        ) from None
