"""Tables of the bench, printed line by line, and written between marks of bench/README.md."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeAlias

from bench.peers.machine import processor
from bench.peers.report import between

README: Final = Path(__file__).parents[1] / "README.md"

Line: TypeAlias = tuple[str, str]
"""Name of a table, and a line of it."""


def measure(lines: Iterable[Line], *, writes: bool) -> None:
    """Print the tables, and write each into the page when it is complete if ``writes`` is true."""
    for name, table in groupby(lines, key=itemgetter(0)):
        printed = list(_print_lines(table))
        if writes:
            begin, end = (
                f"<!-- customers, {name}, by ./run bench customers --write-readme: {mark} -->"
                for mark in ("begin", "end")
            )
            text = between(README.read_text(encoding="utf-8"), begin, end, "\n".join(printed))
            README.write_text(text, encoding="utf-8")


def _print_lines(table: Iterable[Line]) -> Iterator[str]:
    """Yield the lines and when they were measured, and print them."""
    for _, line in table:
        print(line, flush=True)
        yield line
    measured = (
        f"\nMeasured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {os.cpu_count()} cores of {processor()}, "
        f"at a load of {os.getloadavg()[2]:.0f}."
    )
    print(measured, flush=True)
    yield measured
