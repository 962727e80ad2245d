"""Reading of files below a folder that an administrator has chosen."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.base.bounded_file import PLAN_BYTES, read_descriptor
from pipelines.base.errors import SettingsError


def read_below(folder: Path, name: str) -> bytes:
    """Read a regular file below ``folder``.

    Links may lead to another place below the folder, but not out of it. Raises ``SettingsError`` if
    the path leaves the folder, or the file is a device, a pipe or too large.
    """
    try:
        root = folder.resolve(strict=True)
        file = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise _unreadable(name, folder) from None
    if not file.is_relative_to(root) or file == root:
        raise SettingsError(
            f"{name} is not below {folder}.", advice="Put the file there; AMOCRM_WRITE_BACK_DIR names the folder."
        )
    try:
        descriptor = _open_without_links(root, file.relative_to(root))
    except OSError:
        raise _unreadable(name, folder) from None
    try:
        return read_descriptor(descriptor, limit=PLAN_BYTES, pipe_allowed=False)
    except OSError as error:
        raise SettingsError(f"{name} cannot be read: {error.strerror}.", advice="Name a text file.") from None
    finally:
        os.close(descriptor)


def _open_without_links(root: Path, path: Path) -> int:
    """Open a resolved path folder by folder, so that no folder can be replaced by a link meanwhile."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in path.parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


def _unreadable(name: str, folder: Path) -> SettingsError:
    return SettingsError(
        f"{name} cannot be read below {folder}.",
        advice="It has to be a file that Dagster's process can read in the folder of AMOCRM_WRITE_BACK_DIR.",
    )
