"""Paths that users name on the command line: relative ones start in the folder where the command was called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from pipelines.base.settings_folder import CALLER_FOLDER

STANDARD_STREAM: Final = Path("-")


def caller_folder() -> Path:
    """Return the folder where the user called the command."""
    return Path.cwd() / os.environ.get(CALLER_FOLDER, "")


class UserPath(click.Path):
    """Path of an option or argument, as an absolute ``Path``; - stays as it is if it is allowed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Join a relative path to the caller's folder, and check it."""
        if self.allow_dash and str(value) == str(STANDARD_STREAM):
            return super().convert(value, param, ctx)
        return super().convert(caller_folder() / value, param, ctx)
