"""What the programs of this package have in common on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable


def purpose(docstring: str | None) -> str:
    """A module's docstring as a text for people."""
    return (docstring or "").replace("``", "'")


def show(lines: Iterable[str]) -> None:
    """Print lines to whoever reads them, and no more once they have read enough, as ``head`` does."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
