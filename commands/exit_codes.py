"""The table of exit codes in ``docs/operations.md``, made from the tree of errors itself."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator
from typing import Final

from commands.page_sections import replace_section
from pipelines.base.errors import UNEXPECTED_EXIT_CODE, WarehouseError

BEGIN: Final = "<!-- exit codes: written by './run dictionary' -->\n"
END: Final = "<!-- end of exit codes -->\n"

OTHER_CODES: Final = (
    (0, "", "All went well.", ""),
    (1, "WarehouseError", "Something else went wrong, which the message tells.", "What the message says."),
    (
        UNEXPECTED_EXIT_CODE,
        "",
        "A mistake of this program.",
        "Run the same with `--verbose` and report what it prints.",
    ),
    (128 + signal.SIGINT, "", "Ctrl-C.", "No half snapshot is left: run it again. An apply's calls stay made."),
    (128 + signal.SIGTERM, "", "Ended by SIGTERM, as a service manager does.", "As above."),
)


def insert_exit_codes(page: str) -> str:
    """The page with the table between the two marks as it ought to be."""
    return replace_section(page, BEGIN, END, exit_code_table())


def exit_code_table() -> str:
    """The table in Markdown."""
    rows = sorted({*OTHER_CODES, *_error_rows(WarehouseError)}, key=lambda row: (row[0], row[1]))
    lines = [f"| {code} | {f'`{name}`' if name else ''} | {what} | {advice} |" for code, name, what, advice in rows]
    return "\n".join(["", "| code | error | what happened | what to do |", "|---:|---|---|---|", *lines, "", ""])


def _error_rows(kind: type[WarehouseError]) -> Iterator[tuple[int, str, str, str]]:
    for error in kind.__subclasses__():
        what = inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        yield error.exit_code, error.__name__, _escape_cell(what), _escape_cell(error.default_advice)
        yield from _error_rows(error)


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|")
