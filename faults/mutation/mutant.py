"""A guard of the code, how it is taken away, and who is to notice. How that is tried is in ``play``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class Stale(Exception):
    """An entry of the list that does not fit the code any more."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """An exact edit of one file that takes a guard away."""

    guard: str  # what is guarded, in words
    file: str  # by its path in the project
    old: str  # stands in the file exactly once
    new: str
    noticed_by: tuple[str, ...]  # cases by their names, tests as pytest names them; one has to fail

    def applied_to(self, text: str) -> str:
        """The file's text without the guard."""
        if (count := text.count(self.old)) != 1:
            raise Stale(f"{self.guard}: the text to replace is {count} times in {self.file}, not once.")
        return text.replace(self.old, self.new)

    def line_in(self, project: Path) -> int:
        """The line in which the guard begins."""
        text = (project / self.file).read_text(encoding="utf-8")
        return text[: text.index(self.old)].count("\n") + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """What came of a mutant."""

    mutant: Mutant
    noticed_by: str | None  # the case or test that failed first; None: nobody noticed
    trouble: str | None  # why it could not be tried
    seconds: float


def guard(what: str, file: str, old: str, new: str, *noticed_by: str) -> Mutant:
    """A line of the list."""
    return Mutant(what, file, old, new, noticed_by)
