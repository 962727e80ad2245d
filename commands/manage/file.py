"""The file that says what is wanted, as an argument of commands."""

from __future__ import annotations

from typing import Final, TextIO

import click

from pipelines.errors import SettingsError
from pipelines.manage.read_file import read_desired
from pipelines.manage.wishes import Wish, wish_of

file_argument: Final = click.argument("file", type=click.File(encoding="utf-8-sig"))


def wish_in(file: TextIO, account_key: str) -> Wish:
    """What the file wants. Raises ``PlanError`` with all its mistakes."""
    try:
        text = file.read()
    except UnicodeDecodeError:
        raise SettingsError(f"{file.name} is not a text in UTF-8.", advice="Save it as UTF-8.") from None
    return wish_of(read_desired(text, source=file.name), account_key=account_key)
