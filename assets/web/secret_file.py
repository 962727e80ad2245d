"""The secret of Dagster's UI in a file, so that browsers stay logged in when the server starts again."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

NAME: Final = "web-secret"
LONGEST: Final = 1_000
MODE: Final = 0o600


def kept_secret(folder: Path) -> str:
    """The secret that the folder keeps; a new one if it has none, or one that other users may have read or made."""
    file = folder / NAME
    with suppress(FileNotFoundError):
        found = _read(file)
        if found:
            return found
        file.unlink()
    secret = secrets.token_urlsafe(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        os.fchmod(descriptor, MODE)
        stream.write(secret)
    return secret


def _read(file: Path) -> str | None:
    """The secret of a file of ours that nobody else may read; None if it is anything else."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError:  # a link, or not readable
        return None
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(descriptor)
        is_private = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o077
        text = stream.read(LONGEST).decode("ascii", "replace").strip() if is_private else ""
    return text if len(text) >= 32 else None
