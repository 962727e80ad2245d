"""Dagster's home folder, with its configuration, runs and events."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

import dagster as dg
from sqlalchemy.exc import DBAPIError

import assets
from pipelines.base.atomic_file import write_file
from pipelines.base.errors import SettingsError
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


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster of a home folder. Raises ``SettingsError`` if its configuration or storage is unusable."""
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        except Exception as error:
            raise _unusable(home, error) from error  # Dagster raises errors of many kinds
        try:
            yield instance
        except DBAPIError as error:
            raise _unusable(home, error) from error


def _unusable(home: Path, error: Exception) -> SettingsError:
    return SettingsError(
        f"Dagster's home {home} cannot be used: {type(error).__name__}.",
        advice=f"Correct its {CONFIGURATION_FILE} and the files beside it, or move the folder away to start anew.",
    )


def _write_configuration(folder: Path) -> None:
    text = (files(assets) / CONFIGURATION_FILE).read_text(encoding="utf-8")
    write_file(folder / CONFIGURATION_FILE, text.replace("module: assets.", f"module: {assets.__name__}.").encode())
