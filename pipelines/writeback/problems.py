"""Collect all problems of a file, so that they are reported together."""

from __future__ import annotations

from typing import Final

from pipelines.base.errors import PlanError
from pipelines.base.escape import printable

MAX_PROBLEMS: Final = 100
"""Problems after which parsing stops; with more, the file is probably something else."""

MAX_SENTENCE_LENGTH: Final = 1000
"""Length at which a sentence is truncated; it may quote long names and values."""


class Problems:
    """Problems found so far in a desired state from ``source``, a file's name or a command."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[tuple[int, str]] = []

    def add(self, sentence: str, *, line: int | None = None) -> None:
        """Add a sentence, without its full stop, about the problem and its remedy.

        Lines count from 1.

        Raises ``PlanError`` if there are too many.
        """
        shown = printable(sentence)
        shown = shown if len(shown) <= MAX_SENTENCE_LENGTH else shown[:MAX_SENTENCE_LENGTH] + "..."
        self._found.append((line or 0, shown if shown.endswith("?") else f"{shown}."))
        if len(self._found) >= MAX_PROBLEMS:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Raise one ``PlanError`` with all problems in the order of their lines, if there are any."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0])
            raise PlanError(
                [f"line {line}: {sentence}" if line else sentence for line, sentence in ordered], source=self._source
            )
