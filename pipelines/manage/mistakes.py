"""Gathering everything that is wrong before giving up, so that a person corrects a file once. What is wrong is decided elsewhere."""

from __future__ import annotations

from pipelines.errors import PlanError


class Mistakes:
    """The mistakes found so far in what is wanted. ``source`` says where it comes from: a file's name, or a command."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[tuple[int, str]] = []

    def add(self, sentence: str, *, line: int | None = None) -> None:
        """Note a mistake: a sentence that says what is wrong and what to write instead. ``line`` counts from 1."""
        self._found.append((line or 0, sentence))

    def raise_any(self) -> None:
        """Raise one ``PlanError`` for all mistakes in the order of their lines, if there is any."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0])
            raise PlanError(
                [f"line {line}: {sentence}" if line else sentence for line, sentence in ordered], source=self._source
            )
