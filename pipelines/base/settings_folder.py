"""Folder of the settings files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

CALLER_FOLDER: Final = "AMOCRM_CALLER_FOLDER"
"""Environment variable in which ``./run``, which changes to its own folder, passes the folder where it was called."""

SETTINGS_DIR: Final = "AMOCRM_SETTINGS_DIR"
"""Environment variable that names the folder of ``.env`` and ``accounts.toml``."""


def settings_folder(environ: Mapping[str, str], here: Path) -> Path:
    """Return the folder of ``.env`` and ``accounts.toml``.

    ``AMOCRM_SETTINGS_DIR`` if set, otherwise ``here``. A relative path starts where the user called the command.
    """
    name = environ.get(SETTINGS_DIR, "").strip()
    if not name:
        return here
    folder = Path(name)
    with suppress(RuntimeError):  # the home of '~name' is unknown
        folder = folder.expanduser()
    return here / environ.get(CALLER_FOLDER, "") / folder
