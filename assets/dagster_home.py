"""Dagster's home folder, with its configuration, runs and events."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Final

import dagster as dg

import assets
from pipelines.base.atomic_file import write_file
from pipelines.base.private_path import make_private

CONFIGURATION_FILE: Final = "dagster.yaml"


def prepare_home(folder: Path) -> Path:
    """Create the folder for ``DAGSTER_HOME``, with our configuration and empty storage, and return its absolute path.

    An existing folder keeps its configuration, which users may have changed, and gets ours if it has none. A new
    folder is created under a temporary name, because Dagster cannot use a half-created storage.
    """
    folder = folder.absolute()
    if folder.exists():
        if not (folder / CONFIGURATION_FILE).exists():
            _write_configuration(folder)
        return folder
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    make_private(unfinished.parent)
    unfinished.mkdir(mode=0o700)
    _write_configuration(unfinished)
    dg.DagsterInstance.from_config(str(unfinished)).dispose()  # creates its storage
    unfinished.rename(folder)
    return folder


def _write_configuration(folder: Path) -> None:
    write_file(folder / CONFIGURATION_FILE, (files(assets) / CONFIGURATION_FILE).read_bytes())
