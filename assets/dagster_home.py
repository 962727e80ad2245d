"""Dagster's home folder: where its configuration is put, and its runs and events are kept."""

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
    """Make the folder that ``DAGSTER_HOME`` is to name, with our configuration and empty storage; its absolute path.

    A folder that is there already is left as it is, so that users can change their configuration; one without any gets
    ours. A new one is made aside: Dagster cannot go on with a storage whose making was cut short.
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
    dg.DagsterInstance.from_config(str(unfinished)).dispose()  # makes its storage
    unfinished.rename(folder)
    return folder


def _write_configuration(folder: Path) -> None:
    write_file(folder / CONFIGURATION_FILE, (files(assets) / CONFIGURATION_FILE).read_bytes())
