"""Atomic write: a reader of the file sees its old contents or its new ones, and a killed process leaves no half."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipelines.base.errors import SettingsError
from pipelines.base.private_path import FILE_MODE, is_magic, located

DEFAULT_ADVICE: Final = "Name a place that has room for it and where this user may write."

LONGEST_NAME: Final = 200
"""Characters of the file's name that the temporary one repeats: names end at 255 bytes."""


def write_file(file: Path, contents: bytes, *, account: str | None = None, advice: str = DEFAULT_ADVICE) -> None:
    """Replace a file that a user named, as ``replace_file`` does.

    Raises ``SettingsError`` if the file cannot be written; then its old contents are still there.
    """
    try:
        replace_file(file, contents)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror or 'unknown reason'}.", account=account, advice=advice
        ) from None


def replace_file(file: Path, contents: bytes) -> None:
    """Replace a file by one of mode 0600 with these contents; missing folders are made with mode 0700.

    A link of this user stays one, and its target is replaced; one of another user is refused. A device, and a pipe of
    this user, are written into. Raises ``OSError``.
    """
    if is_magic(file):
        _write_into(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC), contents)
        return
    with located(file) as (folder, name):
        found = _found(folder, name)
        if found is None or stat.S_ISREG(found.st_mode):
            _replace(folder, name, contents)
        elif found.st_uid in {os.geteuid(), 0} and not stat.S_ISDIR(found.st_mode):
            _write_into(os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), contents)
        elif stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(21, "Is a directory")
        else:
            raise PermissionError(1, "It is a pipe or a socket of another user")


def _found(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _replace(folder: int, name: str, contents: bytes) -> None:
    temporary = f".{_shortened(name)}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, FILE_MODE, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, FILE_MODE)  # also if the umask takes rights from the owner
            stream.write(contents)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _shortened(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:LONGEST_NAME])


def _write_into(descriptor: int, contents: bytes) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(contents)
