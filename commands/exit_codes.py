"""The table of exit codes in ``docs/operations.md``, made from the tree of errors itself."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator
from typing import Final

from pipelines.errors import UNEXPECTED, WarehouseError

BEGIN: Final = "<!-- exit codes: written by './run dictionary' -->\n"
END: Final = "<!-- end of exit codes -->\n"

OTHERS: Final = (
    (0, "", "All went well.", ""),
    (1, "WarehouseError", "Something else went wrong, which the message tells.", "What the message says."),
    (UNEXPECTED, "", "A mistake of this program.", "Run the same with `--verbose` and report what it prints."),
    (128 + signal.SIGINT, "", "Ctrl-C.", "No half snapshot is left: run it again. An apply's calls stay made."),
    (128 + signal.SIGTERM, "", "Ended by SIGTERM, as a service manager does.", "As above."),
)


def with_exit_codes(page: str) -> str:
    """The page with the table between the two marks as it ought to be."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}{table()}{end}{after}" if begin and end else page


def table() -> str:
    """The table in Markdown."""
    rows = sorted({*OTHERS, *_errors(WarehouseError)}, key=lambda row: (row[0], row[1]))
    lines = [f"| {code} | {f'`{name}`' if name else ''} | {what} | {cure} |" for code, name, what, cure in rows]
    return "\n".join(["", "| code | error | what happened | what to do |", "|---:|---|---|---|", *lines, "", ""])


def _errors(kind: type[WarehouseError]) -> Iterator[tuple[int, str, str, str]]:
    for error in kind.__subclasses__():
        what = inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        yield error.exit_code, error.__name__, _cell(what), _cell(error.default_advice)
        yield from _errors(error)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
