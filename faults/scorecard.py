"""Results of a run as figures and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from faults.case import Result, Verdict
from pipelines.base.atomic_file import replace_file


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """Results of all cases of a run."""

    results: tuple[Result, ...]
    seed: int
    began_at: datetime
    seconds: float
    half: str  # "quick" or "whole"
    part: str = ""  # what of the list was asked for, in words: nothing where it is all of it
    not_played: dict[str, str] = field(default_factory=dict)  # why, by the case's name
    others: dict[str, dict[str, Any]] = field(default_factory=dict)  # verdicts of other programs, by their name

    @property
    def torn(self) -> int:
        """Number of torn reads."""
        return sum(one.torn for one in self.results)

    @property
    def failed(self) -> list[Result]:
        """Failed cases."""
        return [one for one in self.results if not one.is_held]

    @property
    def is_held(self) -> bool:
        """True if every case passed."""
        return not self.failed

    def groups(self) -> dict[str, list[Result]]:
        """Results by group, in the order of the list."""
        found: dict[str, list[Result]] = {}
        for one in self.results:
            found.setdefault(one.case.group, []).append(one)
        return found

    def figures(self) -> dict[str, Any]:
        """Figures of the whole run."""
        return figures(self.results) | {
            "looks_at_views": sum(one.looks for one in self.results),
            "torn_reads": self.torn,
            "seconds": round(self.seconds, 1),
        }

    def document(self) -> dict[str, Any]:
        """The scorecard as JSON."""
        return {
            "began_at": self.began_at.isoformat(),
            "seed": self.seed,
            "half": self.half,
            "part": self.part,
            "held": f"{len(self.results) - len(self.failed)} of {len(self.results)}",
            "figures": self.figures(),
            "not_played": self.not_played,
            "groups": {name: figures(results) for name, results in self.groups().items()},
            "cases": [
                {
                    "group": one.case.group,
                    "name": one.case.name,
                    "wrong": one.case.wrong,
                    "must": one.case.must,
                    "verdict": one.verdict,
                    "is_held": one.is_held,
                    "why": one.why,
                    "tried": len(one.trials),
                    "seconds": round(one.seconds, 3),
                }
                | {name: verdicts[one.case.name] for name, verdicts in self.others.items() if one.case.name in verdicts}
                for one in self.results
            ],
        }

    def write(self, path: Path) -> None:
        """Write the scorecard as JSON."""
        replace_file(path, f"{json.dumps(self.document(), indent=1, ensure_ascii=False)}\n".encode())


def figures(results: Sequence[Result]) -> dict[str, Any]:
    """Figures of some cases."""
    trials = [trial for one in results for trial in one.trials]
    recovered = [trial.recovery_seconds for trial in trials if trial.recovery_seconds is not None]
    return {
        "cases": len(results),
        "held": sum(one.is_held for one in results),
        "verdicts": {verdict.value: sum(one.verdict is verdict for one in results) for verdict in Verdict},
        "bad_inputs_tried": len(trials),
        "rows_lost": sum(trial.rows_lost for trial in trials),
        "rows_doubled": sum(trial.rows_doubled for trial in trials),
        "false_endings": sum(trial.false_endings for trial in trials),
        "most_requests_of_a_load": _most(trial.requests for trial in trials),
        "recovery_seconds_median": round(median(recovered), 3) if recovered else None,
        "recovery_seconds_worst": round(max(recovered), 3) if recovered else None,
        "recovery_requests_worst": _most(trial.recovery_requests or 0 for trial in trials),
    }


def in_words(found: dict[str, Any]) -> list[str]:
    """Format figures as lines, without unmeasured ones."""
    lines = []
    for name, figure in found.items():
        if isinstance(figure, dict):
            lines.append(f"{name}: {', '.join(f'{count} {word}' for word, count in figure.items() if count) or 'none'}")
        elif figure is not None:
            lines.append(f"{name}: {figure}")
    return [line.replace("_", " ") for line in lines]


def _most(counts: Iterable[int]) -> int:
    return max(counts, default=0)
