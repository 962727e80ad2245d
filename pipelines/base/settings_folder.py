"""Folder of the settings files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

SETTINGS_DIR: Final = "AMOCRM_SETTINGS_DIR"
"""Environment variable that names the folder of ``.env`` and ``accounts.toml``."""


def settings_folder(environ: Mapping[str, str], here: Path) -> Path:
    """Return the folder of ``.env`` and ``accounts.toml``.

    ``AMOCRM_SETTINGS_DIR`` if set, otherwise ``here``.
    """
    return here / Path(environ.get(SETTINGS_DIR, "").strip()).expanduser()
