"""Measurements: medians, spreads, ratios, and the JSON file of every run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

Case = Literal["first", "unchanged", "one", "all"]
CASES: Final[tuple[Case, ...]] = ("first", "unchanged", "one", "all")
"""Loads of a pass, in order."""

OURS: Final = "ours"
"""Reference tool of the comparison."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One load."""

    number: int  # of the pass that it belongs to
    seconds: float
    cpu_seconds: float
    megabytes: float
    stored_bytes: int  # by which the database grew


@dataclass(kw_only=True)
class Figure:
    """Loads of one tool in one case, one per pass."""

    tool: str
    case: str
    accounts: int
    runs: list[Run] = field(default_factory=list)
    more_than: float | None = None  # seconds after which it was given up
    failure: str | None = None  # why there are no more runs

    @property
    def seconds(self) -> float:
        """The median."""
        return median(run.seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float:
        """The median."""
        return median(run.cpu_seconds for run in self.runs)

    @property
    def megabytes(self) -> float:
        """Maximum of all runs."""
        return max(run.megabytes for run in self.runs)

    @property
    def stored_bytes(self) -> float:
        """The median."""
        return median(run.stored_bytes for run in self.runs)

    @property
    def apart(self) -> float:
        """Relative spread of the passes' seconds; 0 with one pass."""
        seconds = [run.seconds for run in self.runs]
        return max(seconds) / min(seconds) - 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One call of the bench."""

    facts: Mapping[str, Any]  # where and when, by name
    tools: Sequence[Mapping[str, str]]  # name, what it keeps, what it is
    figures: Sequence[Figure]

    def write(self, file: Path) -> None:
        """Write as JSON."""
        document = {"facts": self.facts, "tools": self.tools, "figures": [asdict(one) for one in self.figures]}
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Measured:
        """Read a file of ``write``."""
        document = json.loads(file.read_text(encoding="utf-8"))
        figures = [Figure(**one | {"runs": [Run(**run) for run in one["runs"]]}) for one in document["figures"]]
        return cls(facts=document["facts"], tools=document["tools"], figures=figures)


class Figures:
    """The figures of one or more calls of the bench, by number of accounts, case and tool."""

    def __init__(self, measured: Sequence[Measured]) -> None:
        self._by_key: dict[tuple[int, str, str], Figure] = {}
        passes = 0
        for one in measured:
            for figure in one.figures:
                self._add(figure, passes)
            passes += 1 + max((run.number for figure in one.figures for run in figure.runs), default=0)

    def _add(self, new: Figure, passes: int) -> None:
        """Append runs, renumbering their passes."""
        key = (new.accounts, new.case, new.tool)
        known = self._by_key.setdefault(key, Figure(accounts=new.accounts, case=new.case, tool=new.tool))
        known.runs += [Run(**asdict(run) | {"number": passes + run.number}) for run in new.runs]
        known.more_than = known.more_than or new.more_than
        known.failure = known.failure or new.failure

    def all(self) -> Sequence[Figure]:
        """Every figure, also without runs."""
        return list(self._by_key.values())

    def get(self, accounts: int, case: str, tool: str) -> Figure | None:
        """Return a figure, or None without runs."""
        found = self._by_key.get((accounts, case, tool))
        return found if found and found.runs else None

    def bound(self, accounts: int, case: str, tool: str) -> float | None:
        """Seconds after which a tool was given up, or None if it finished."""
        found = self._by_key.get((accounts, case, tool))
        return found.more_than if found and not found.runs else None

    def ratios(self, accounts: int, case: str, tool: str, of: str = "seconds") -> list[float]:
        """Ratio to ours in each pass that measured both."""
        ours, other = self.get(accounts, case, OURS), self.get(accounts, case, tool)
        if not ours or not other:
            return []
        by_pass = {run.number: getattr(run, of) for run in ours.runs}
        return [getattr(run, of) / by_pass[run.number] for run in other.runs if run.number in by_pass]

    def bound_ratio(self, accounts: int, case: str, tool: str) -> float | None:
        """Lower bound of the ratio of a tool that was given up."""
        ours, bound = self.get(accounts, case, OURS), self.bound(accounts, case, tool)
        return bound / ours.seconds if ours and bound else None

    def most_megabytes(self, accounts: int, tool: str, case: str | None = None) -> float | None:
        """Maximum memory in a case, or in all."""
        found = [
            one.megabytes
            for (number, of, name), one in self._by_key.items()
            if (number, name) == (accounts, tool) and case in (None, of) and one.runs
        ]
        return max(found, default=None)
