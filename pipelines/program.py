"""How this program is called where we are, so that every command that a message names can be typed as it stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pipelines.place import settings_folder

PROGRAM: Final = "amocrm-warehouse"
IN_A_CLONE: Final = "./run"


def program_here() -> str:
    """By ``./run`` in a clone of the project, or where the settings lie in one, as for Dagster; else by its name."""
    return IN_A_CLONE if any(map(is_clone, (Path(), settings_folder(os.environ, Path())))) else PROGRAM


def is_clone(folder: Path) -> bool:
    """Whether the project was cloned there."""
    return (folder / "run").exists() and (folder / "workspace.yaml").exists()


def as_called_here(text: str) -> str:
    """A text that names commands as in './run sync', with the name that they have here."""
    return text.replace(f"{IN_A_CLONE} ", f"{program_here()} ")
