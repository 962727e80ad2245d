"""Error output of commands: a message, an exit code, and with ``--verbose`` a traceback."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Final

import click

from pipelines.base.errors import UNEXPECTED_EXIT_CODE, WarehouseError, describe_unexpected
from pipelines.base.file_error import as_known_error

VERBOSE_KEY: Final = "commands.is_verbose"
"""Key in click's ``Context.meta`` that is set by ``--verbose``."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as shown to the user."""

    error: Exception

    @property
    def message(self) -> str:
        """Message with advice."""
        known = as_known_error(self.error)
        return str(known) if isinstance(known, WarehouseError) else describe_unexpected(self.error)

    @property
    def exit_code(self) -> int:
        """Exit code of this kind of error."""
        known = as_known_error(self.error)
        return known.exit_code if isinstance(known, WarehouseError) else UNEXPECTED_EXIT_CODE

    def trace(self) -> None:
        """Print the traceback if ``--verbose`` was given."""
        if VERBOSE_KEY in click.get_current_context().meta:
            traceback.print_exception(self.error)
