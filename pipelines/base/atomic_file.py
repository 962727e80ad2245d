"""Atomic writes: a reader sees the old contents or the new, and a killed process leaves no partial file."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from pipelines.base.bounded_file import PIPE_SECONDS
from pipelines.base.errors import SettingsError
from pipelines.base.file_error import file_named
from pipelines.base.private_path import FILE_MODE, is_magic, located

DEFAULT_ADVICE: Final = "Choose a folder with free space where this user may write."

LONGEST_NAME: Final = 200
"""Bytes of the file's name that its temporary file repeats. Names end at 255 bytes."""


def write_file(file: Path, contents: bytes, *, account: str | None = None, advice: str = DEFAULT_ADVICE) -> None:
    """Replace a file that a user named, like ``replace_file``.

    Raises ``SettingsError`` if the file cannot be written; its old contents are then kept.
    """
    try:
        replace_file(file, contents)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror or 'unknown reason'}.", account=account, advice=advice
        ) from None


def replace_file(file: Path, contents: bytes) -> None:
    """Replace a file by one of mode 0600 with these contents.

    Missing folders are created with mode 0700. A link of this user or of root is kept and its
    target replaced; a link of another user is refused. Devices, and pipes of this user or root, are
    written to. Raises ``OSError``.
    """
    if is_magic(file):
        _write_into(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC), contents)
        return
    with file_named(file), located(file) as (folder, name):
        found = _found(folder, name)
        if found is None or stat.S_ISREG(found.st_mode):
            _replace(folder, name, contents)
        elif found.st_uid in {os.geteuid(), 0} and not stat.S_ISDIR(found.st_mode):
            _write_into(_open_pipe_or_device(name, folder), contents)
        elif stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(21, "Is a directory")
        else:
            raise PermissionError(1, "It is a pipe or a socket of another user")


def _open_pipe_or_device(name: str, folder: int) -> int:
    """Open for writing; wait for the reader of a pipe. Raises ``TimeoutError`` after ``PIPE_SECONDS``."""
    deadline = time.monotonic() + PIPE_SECONDS
    while True:
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        else:
            os.set_blocking(descriptor, True)
            return descriptor
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, f"Nobody read this pipe for {PIPE_SECONDS:.0f} seconds")
        time.sleep(0.02)


def _found(folder: int, name: str) -> os.stat_result | None:
    """Return the status of the entry without following links; None if it is missing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _replace(folder: int, name: str, contents: bytes) -> None:
    """Write a temporary file in the same folder, sync it and rename it over the old one."""
    temporary = f".{_shortened(name)}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, FILE_MODE, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, FILE_MODE)  # the umask may also clear the owner's bits
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
