"""Gathering everything that is wrong, so that a person corrects a file once. What is wrong is decided elsewhere."""

from __future__ import annotations

from typing import Final

from pipelines.base.errors import PlanError
from pipelines.base.escape import printable

MOST: Final = 100
"""Mistakes that are reported at once; a file with more is not what was meant."""

MAX_SENTENCE_LENGTH: Final = 1000
"""Characters of a sentence; names and values in it may be longer than anyone wants to read."""


class Problems:
    """The mistakes found so far in what is wanted. ``source`` says where it comes from: a file's name, or a command."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[tuple[int, str]] = []

    def add(self, sentence: str, *, line: int | None = None) -> None:
        """Note what is wrong and what to write instead, in a sentence without its full stop. Lines count from 1.

        Raises ``PlanError`` if there are too many.
        """
        shown = printable(sentence)
        shown = shown if len(shown) <= MAX_SENTENCE_LENGTH else shown[:MAX_SENTENCE_LENGTH] + "..."
        self._found.append((line or 0, shown if shown.endswith("?") else f"{shown}."))
        if len(self._found) >= MOST:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Raise one ``PlanError`` for all mistakes in the order of their lines, if there is any."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0])
            raise PlanError(
                [f"line {line}: {sentence}" if line else sentence for line, sentence in ordered], source=self._source
            )
