"""Where the settings lie. What they say is ``settings``' subject."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

SETTINGS_DIR: Final = "AMOCRM_SETTINGS_DIR"
"""Names the folder of ``.env`` and ``accounts.toml``, in the environment alone."""


def settings_folder(environ: Mapping[str, str], here: Path) -> Path:
    """The folder of ``.env`` and ``accounts.toml``: as ``AMOCRM_SETTINGS_DIR`` says, else ``here``."""
    return here / Path(environ.get(SETTINGS_DIR, "").strip()).expanduser()
