"""Table of exit codes in ``docs/operations.md``, generated from the error classes."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator
from typing import Final

from commands.output import escape_cell
from commands.page_sections import replace_section
from pipelines.base.errors import UNEXPECTED_EXIT_CODE, WarehouseError

BEGIN: Final = "<!-- exit codes: written by './run dictionary' -->\n"
END: Final = "<!-- end of exit codes -->\n"

OTHER_CODES: Final = (
    (0, "", "Success.", ""),
    (1, "WarehouseError", "Another error; see the message.", "Follow the message."),
    (
        UNEXPECTED_EXIT_CODE,
        "",
        "A bug in this program.",
        "Run the command with `--verbose` and report the output.",
    ),
    (128 + signal.SIGINT, "", "Ctrl-C.", "No partial snapshot is left: run it again. Calls of an apply stay made."),
    (128 + signal.SIGTERM, "", "SIGTERM, for example from a service manager.", "As above."),
)


def insert_exit_codes(page: str) -> str:
    """Return the page with an up-to-date table between its two marks."""
    return replace_section(page, BEGIN, END, exit_code_table())


def exit_code_table() -> str:
    """Return the table in Markdown."""
    rows = sorted({*OTHER_CODES, *_error_rows(WarehouseError)}, key=lambda row: (row[0], row[1]))
    lines = [f"| {code} | {f'`{name}`' if name else ''} | {what} | {advice} |" for code, name, what, advice in rows]
    return "\n".join(["", "| code | error | what happened | what to do |", "|---:|---|---|---|", *lines, "", ""])


def _error_rows(kind: type[WarehouseError]) -> Iterator[tuple[int, str, str, str]]:
    for error in kind.__subclasses__():
        what = inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        yield error.exit_code, error.__name__, escape_cell(what), escape_cell(error.default_advice)
        yield from _error_rows(error)
