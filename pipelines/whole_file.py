"""Writing a file so that whoever reads it has the old one or the new one, whole. What is in it is others' subject."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pipelines.errors import SettingsError

WHERE_TO: Final = "Name a place that has room for it and where this user may write."


def write_whole(file: Path, contents: bytes, *, account: str | None = None, advice: str = WHERE_TO) -> None:
    """Write a file aside, then put it in its place; the folder is made where there is none.

    A device or a pipe is written into, since nothing may take its place. Raises ``SettingsError`` where the file cannot
    be written; what was there before is there still.
    """
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(contents)
        else:
            _put_in_place(Path(os.path.realpath(file)), contents)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror or 'unknown reason'}.", account=account, advice=advice
        ) from None


def _put_in_place(file: Path, contents: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(contents)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
