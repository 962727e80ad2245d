"""Errors of this machine's files: the file's name is added where they occur, a sentence where they are shown."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

from pipelines.base.errors import SettingsError

NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHTS: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
NEEDS_NO_NAME: Final = (*NO_SPACE, *NO_RIGHTS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOENT)
"""Errors of this machine even if they name no file; others may be a connection's."""

_FOLDERS: Final = "AMOCRM_DATA_DIR, AMOCRM_TOKEN_DIR and AMOCRM_REPORT_DIR name the folders of this program's data"


@contextmanager
def file_named(file: PurePath) -> Iterator[None]:
    """Add the file to an ``OSError`` that names none, or only the last part of the path."""
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str) or not PurePath(error.filename).is_absolute():
            error.filename = str(file)
        raise


def as_known_error(error: Exception) -> Exception:
    """Return a ``SettingsError`` for an ``OSError`` of a file or of this machine; any other error as it is."""
    if not isinstance(error, OSError):
        return error
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    reason = error.strerror or "unknown reason"
    if name:
        return SettingsError(f"{name} cannot be used: {reason.removesuffix('.')}.", advice=_advice(error.errno))
    if error.errno in NEEDS_NO_NAME:
        return SettingsError(f"This machine refuses: {reason.removesuffix('.')}.", advice=_advice(error.errno))
    return error


def _advice(number: int | None) -> str:
    if number in NO_SPACE:
        return f"Free disk space; {_FOLDERS}."
    if number in NO_RIGHTS:
        return f"Run this as the user who owns it, or choose another folder: {_FOLDERS}."
    return f"Correct or move away what stands there; {_FOLDERS}."
