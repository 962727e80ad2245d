"""Dagster's home folder: where its configuration is put, and its runs and events are kept."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import assets

CONFIGURATION: Final = "dagster.yaml"


def prepare_home(folder: Path) -> Path:
    """Make the folder that ``DAGSTER_HOME`` is to name, with our configuration in it; its absolute path.

    A configuration that is there already is left as it is, so that users can change theirs.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / CONFIGURATION
    if not configuration.exists():
        configuration.write_bytes((files(assets) / CONFIGURATION).read_bytes())
    return folder
