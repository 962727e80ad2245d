"""How an error is told to whoever typed the command: a sentence or two and an exit code; a traceback on demand."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Final

import click

from pipelines.base.errors import UNEXPECTED_EXIT_CODE, WarehouseError, describe_unexpected

VERBOSE_KEY: Final = "commands.is_verbose"
"""Key in click's ``Context.meta``, where ``--verbose`` is remembered."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the user sees it."""

    error: Exception

    @property
    def message(self) -> str:
        """What happened and what to do next."""
        if isinstance(self.error, WarehouseError):
            return str(self.error)
        return describe_unexpected(self.error)

    @property
    def exit_code(self) -> int:
        """The exit code that tells this kind of error from others."""
        return self.error.exit_code if isinstance(self.error, WarehouseError) else UNEXPECTED_EXIT_CODE

    def trace(self) -> None:
        """Show where it came from, if ``--verbose`` was given."""
        if VERBOSE_KEY in click.get_current_context().meta:
            traceback.print_exception(self.error)
