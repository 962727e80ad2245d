"""Folder of the settings files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

SETTINGS_DIR: Final = "AMOCRM_SETTINGS_DIR"
"""Environment variable that names the folder of ``.env`` and ``accounts.toml``."""


def settings_folder(environ: Mapping[str, str], here: Path) -> Path:
    """Return the folder of ``.env`` and ``accounts.toml``.

    ``AMOCRM_SETTINGS_DIR`` if set, otherwise ``here``.
    """
    folder = Path(environ.get(SETTINGS_DIR, "").strip())
    with suppress(RuntimeError):  # the home of '~name' is unknown
        folder = folder.expanduser()
    return here / folder
