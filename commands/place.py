"""Where the commands work: the folder they are called in, its settings, and how they are called there."""

from __future__ import annotations

import os
from pathlib import Path

from commands.failures import PROGRAM
from pipelines.settings import Settings, load_settings


def settings_here() -> Settings:
    """The settings of the folder that the program was called in."""
    return load_settings(os.environ, Path.cwd())


def program_here() -> str:
    """How the program is called where we are: by ``./run`` in a clone of the project, else by its name."""
    return "./run" if Path("run").exists() and Path("workspace.yaml").exists() else PROGRAM
