"""Bounded reading of files that a user names or that this program keeps.

Only regular files of a limited size are read, so that a device cannot fill the memory and a pipe
cannot hang a load.
"""

from __future__ import annotations

import errno
import json
import os
import select
import stat
import time
from pathlib import Path
from typing import Any, Final

from pipelines.base.file_error import file_named

SETTINGS_BYTES: Final = 1_000_000
"""Size limit of settings, secrets and small state files. accounts.toml with ten thousand accounts
fits.
"""

PLAN_BYTES: Final = 2_000_000
"""Size limit of a file of stages and segments."""

PIPE_SECONDS: Final = 60.0
"""Seconds that a pipe may stay silent before reading it fails."""

_CHUNK: Final = 65_536


def read_bytes(file: Path, *, limit: int = SETTINGS_BYTES, pipe_allowed: bool = False) -> bytes:
    """Read a regular file, or a pipe if ``pipe_allowed``.

    Raises ``OSError`` for other kinds of files and for more than ``limit`` bytes; ``strerror`` is a
    sentence for the user.
    """
    with file_named(file):
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return read_descriptor(descriptor, limit=limit, pipe_allowed=pipe_allowed)
        finally:
            os.close(descriptor)


def read_text(file: Path, *, limit: int = SETTINGS_BYTES, pipe_allowed: bool = False) -> str:
    """Read a file as UTF-8 text without a byte-order mark.

    Raises ``OSError`` and ``UnicodeDecodeError``.
    """
    return read_bytes(file, limit=limit, pipe_allowed=pipe_allowed).decode("utf-8-sig")


def read_json(file: Path, *, limit: int = SETTINGS_BYTES) -> Any:
    """Read a JSON file. Raises ``OSError``, and ``ValueError`` if it is not JSON or is nested too deep."""
    try:
        return json.loads(read_bytes(file, limit=limit))
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None


def read_descriptor(descriptor: int, *, limit: int, pipe_allowed: bool) -> bytes:
    """Read an open file to its end, by the rules of ``read_bytes``."""
    found = os.fstat(descriptor)
    is_pipe = stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode) and not (is_pipe and pipe_allowed):
        raise OSError(errno.EINVAL, f"It is a {'pipe' if is_pipe else 'device'}, not a regular file")
    contents = bytearray()
    while chunk := _chunk(descriptor, limit + 1 - len(contents), is_pipe=is_pipe):
        contents += chunk
        if len(contents) > limit:
            raise OSError(errno.EFBIG, f"It is larger than {limit:,} bytes")
    return bytes(contents)


def _chunk(descriptor: int, most: int, *, is_pipe: bool) -> bytes:
    """Read up to ``most`` bytes; b"" at the end of the file.

    Raises ``TimeoutError`` for a silent pipe.
    """
    deadline = time.monotonic() + PIPE_SECONDS
    while True:
        if is_pipe and not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError(errno.ETIMEDOUT, f"Nothing was written into it for {PIPE_SECONDS:.0f} seconds")
        try:
            return os.read(descriptor, min(_CHUNK, most))
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "Nothing could be read from it") from None
