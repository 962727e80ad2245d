"""Argument FILE of commands: a file with desired state."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Final

import click

from commands.paths import STANDARD_STREAM, UserPath
from pipelines.base.bounded_file import PLAN_BYTES, read_text
from pipelines.base.errors import SettingsError
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.desired import DesiredConfig

file_argument: Final = click.argument("file", type=UserPath(exists=True, dir_okay=False, allow_dash=True))


def desired_in(file: Path) -> DesiredConfig:
    """Read the file's desired state. Raises ``PlanError`` with all its errors."""
    source = "<stdin>" if file == STANDARD_STREAM else str(file)
    try:
        text = _standard_input() if file == STANDARD_STREAM else read_text(file, limit=PLAN_BYTES, pipe_allowed=True)
    except UnicodeDecodeError:
        raise SettingsError(f"{source} is not UTF-8 text.", advice="Save it as UTF-8.") from None
    except OSError as error:
        raise SettingsError(
            f"{source} cannot be read: {error.strerror or 'unknown reason'}.",
            advice="Name a text file, a pipe such as <(command), or - for standard input.",
        ) from None
    return parse_desired(text, source=source)


def _standard_input() -> str:
    contents: bytes = sys.stdin.buffer.read(PLAN_BYTES + 1)
    if len(contents) > PLAN_BYTES:
        raise OSError(errno.EFBIG, f"It is larger than {PLAN_BYTES:,} bytes")
    return contents.decode("utf-8-sig")
