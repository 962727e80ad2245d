"""Name of this program on this machine, so that commands in messages can be typed as shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pipelines.base.settings_folder import settings_folder

PROGRAM: Final = "amocrm-warehouse"
CLONE_COMMAND: Final = "./run"


def program_name() -> str:
    """Return './run' in a clone of the project, or if the settings are in one; otherwise the installed name."""
    return CLONE_COMMAND if any(map(is_project_clone, (Path(), settings_folder(os.environ, Path())))) else PROGRAM


def is_project_clone(folder: Path) -> bool:
    """Return True if the folder is a clone of the project."""
    try:
        return (folder / "run").exists() and (folder / "workspace.yaml").exists()
    except OSError:  # it cannot be entered, or its name is too long
        return False


def with_program_name(text: str) -> str:
    """Return a text with './run' replaced by the program's name on this machine."""
    return text.replace(f"{CLONE_COMMAND} ", f"{program_name()} ")
