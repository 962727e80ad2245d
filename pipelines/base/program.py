"""How this program is called where we are, so that every command that a message names can be typed as it stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pipelines.base.settings_folder import settings_folder

PROGRAM: Final = "amocrm-warehouse"
CLONE_COMMAND: Final = "./run"


def program_name() -> str:
    """By ``./run`` in a clone of the project, or where the settings lie in one, as for Dagster; else by its name."""
    return CLONE_COMMAND if any(map(is_project_clone, (Path(), settings_folder(os.environ, Path())))) else PROGRAM


def is_project_clone(folder: Path) -> bool:
    """Whether the project was cloned there."""
    return (folder / "run").exists() and (folder / "workspace.yaml").exists()


def with_program_name(text: str) -> str:
    """A text that names commands as in './run sync', with the name that they have here."""
    return text.replace(f"{CLONE_COMMAND} ", f"{program_name()} ")
