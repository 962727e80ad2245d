"""How this program is called where we are, so that every command that a message names can be typed as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROGRAM: Final = "amocrm-warehouse"
IN_A_CLONE: Final = "./run"


def program_here() -> str:
    """By ``./run`` in a clone of the project, else by its name."""
    return IN_A_CLONE if Path("run").exists() and Path("workspace.yaml").exists() else PROGRAM


def as_called_here(text: str) -> str:
    """A text that names commands as in './run sync', with the name that they have here."""
    return text.replace(f"{IN_A_CLONE} ", f"{program_here()} ")
