"""Figures as tables in Markdown, with the aims that they are measured by. Nothing is measured here."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from bench.peers.environments import HERE, versions
from bench.peers.tools import OURS, Tool

CASES: Final = {
    "first": "first load",
    "unchanged": "nothing changed",
    "one": "1 % changed",
    "all": "all changed",
}
FASTER: Final = (
    (100, "unchanged", "dlt-scd2", 15.0),
    (100, "unchanged", "dlt-arrow", 2.0),
    (1000, "unchanged", "dlt-arrow", 3.0),
    (100, "first", "dlt-scd2", 8.0),
    (1000, "first", "dlt-scd2", 8.0),
)
"""With how many accounts, in which case, as how many times as fast as what we want to be."""

WHOLE_PROCESS: Final = 1.5
"""One account's whole process may take so many times what our imports and the requests take."""

FLAT: Final = 1.25
"""Memory is flat where many accounts take at most so many times what fewer take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One load."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    stored_bytes: int  # by which the database grew


@dataclass(kw_only=True)
class Figure:
    """All loads of one tool in one case."""

    tool: str
    case: str
    accounts: int
    runs: list[Run] = field(default_factory=list)
    trouble: str | None = None  # why there are no more runs

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
        """The most of all runs."""
        return max(run.megabytes for run in self.runs)


class Figures:
    """Figures by number of accounts, case and tool, those without a run left out."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._by_key = {(one.accounts, one.case, one.tool): one for one in figures if one.runs}

    def get(self, accounts: int, case: str, tool: str) -> Figure | None:
        """One figure, if it was measured."""
        return self._by_key.get((accounts, case, tool))

    def ratio(self, accounts: int, case: str, tool: str) -> float | None:
        """How many times as long as ours a tool takes."""
        ours, other = self.get(accounts, case, OURS.name), self.get(accounts, case, tool)
        return other.seconds / ours.seconds if ours and other else None

    def work_ratio(self, accounts: int, case: str, tool: str) -> float | None:
        """How many times our processor time a tool takes, the server's included."""
        ours, other = self.get(accounts, case, OURS.name), self.get(accounts, case, tool)
        return other.cpu_seconds / ours.cpu_seconds if ours and other else None

    def most_megabytes(self, accounts: int, tool: str) -> float | None:
        """The most memory in any case."""
        found = [one.megabytes for (n, _, name), one in self._by_key.items() if (n, name) == (accounts, tool)]
        return max(found, default=None)


def markdown(figures: Sequence[Figure], tools: Sequence[Tool], facts: Mapping[str, Any], cache: Path) -> str:
    """Everything that was found out."""
    found = Figures(figures)
    sizes = sorted({figure.accounts for figure in figures})
    lines = [f"{name}: {text}  " for name, text in facts.items()]
    lines += ["", *legend(tools, cache)]
    for accounts in sizes:
        title = f"{accounts} account{'s' if accounts > 1 else ''}"
        lines += ["", f"**{title}, seconds**", "", *table(found, accounts, tools)]
        lines += ["", f"**{title}, seconds of a processor, the server's included**", "", *work(found, accounts, tools)]
    lines += ["", *(f"- {name}, {case}, {n} accounts: {why}" for name, case, n, why in troubles(figures))]
    return "\n".join([*lines, "| aim | | reached | |", "|---|---:|---:|---|", *aims(found, sizes)])


def legend(tools: Sequence[Tool], cache: Path) -> Iterator[str]:
    """What each tool is, with its versions."""
    yield "| tool | keeps | what it is |"
    yield "|---|---|---|"
    for tool in tools:
        packages = versions(tool.peer, cache, tool.packages) if tool.peer else {}
        named = "".join(f"; {name} {number}" for name, number in packages.items())
        yield f"| {tool.name} | {'-' if tool.kind == 'floor' else tool.kind} | {tool.what}{named} |"


def table(found: Figures, accounts: int, tools: Sequence[Tool]) -> Iterator[str]:
    """A line for each tool."""
    yield f"| | {' | '.join(CASES.values())} | memory, MB | grows by, kB an account |"
    yield "|---|" + "---:|" * (len(CASES) + 2)
    for tool in tools:
        cells = [cell(found, accounts, case, tool.name) for case in CASES]
        memory = found.most_megabytes(accounts, tool.name)
        unchanged = found.get(accounts, "unchanged", tool.name)
        growth = median(run.stored_bytes for run in unchanged.runs) / accounts / 1000 if unchanged else None
        is_floor = tool.kind == "floor"
        cells += ["" if memory is None else f"{memory:.0f}", "" if growth is None or is_floor else f"{growth:.0f}"]
        yield f"| {tool.name} | {' | '.join(cells)} |"


def work(found: Figures, accounts: int, tools: Sequence[Tool]) -> Iterator[str]:
    """The same for processor time."""
    yield f"| | {' | '.join(CASES.values())} |"
    yield "|---|" + "---:|" * len(CASES)
    for tool in tools:
        figures = [found.get(accounts, case, tool.name) for case in CASES]
        ratios = [found.work_ratio(accounts, case, tool.name) for case in CASES]
        cells = [
            f"{figure.cpu_seconds:.2f} s{times(ratio, tool.name)}" if figure else ""
            for figure, ratio in zip(figures, ratios, strict=True)
        ]
        yield f"| {tool.name} | {' | '.join(cells)} |"


def cell(found: Figures, accounts: int, case: str, tool: str) -> str:
    """Seconds, their spread, and how many times ours they are."""
    figure = found.get(accounts, case, tool)
    if figure is None:
        return ""
    seconds = [run.seconds for run in figure.runs]
    spread = f" ({min(seconds):.2f}-{max(seconds):.2f})" if len(seconds) > 1 else ""
    return f"{figure.seconds:.2f} s{spread}{times(found.ratio(accounts, case, tool), tool)}"


def times(ratio: float | None, tool: str) -> str:
    """How many times ours a figure is."""
    return f", **{ratio:.{1 if ratio >= 1 else 2}f}×**" if ratio and tool != OURS.name else ""


def aims(found: Figures, sizes: Sequence[int]) -> Iterator[str]:
    """A line for each aim that was measured."""
    for accounts, case, tool, aim in FASTER:
        if ratio := found.ratio(accounts, case, tool):
            yield aim_row(
                f"{accounts} accounts, {CASES[case]}, as fast as {tool}", f"≥ {aim:.0f}×", ratio, ratio >= aim
            )
    if ratio := found.ratio(1, "unchanged", "imports"):
        what, reached = "1 account, nothing changed, the time of imports and requests", 1 / ratio
        yield aim_row(what, f"≤ {WHOLE_PROCESS}×", reached, reached <= WHOLE_PROCESS)
    fewer, more = min((one for one in sizes if one > 1), default=0), max(sizes)
    least, most = found.most_megabytes(fewer, OURS.name), found.most_megabytes(more, OURS.name)
    if least and most and fewer < more:
        reached = most / least
        yield aim_row(f"memory with {more} accounts against {fewer}", f"≤ {FLAT}×", reached, reached <= FLAT)


def aim_row(what: str, aim: str, reached: float, is_reached: bool, more: str = "") -> str:  # noqa: FBT001
    """One line."""
    return f"| {what} | {aim} | {reached:.2f}×{more} | {'reached' if is_reached else '**missed**'} |"


def troubles(figures: Sequence[Figure]) -> Iterator[tuple[str, str, int, str]]:
    """What could not be measured, and why."""
    for figure in figures:
        if figure.trouble:
            yield figure.tool, figure.case, figure.accounts, figure.trouble.strip().splitlines()[-1]


def machine(url: str) -> dict[str, Any]:
    """Where and when it is measured."""
    with psycopg.connect(url) as connection:
        [(postgres,)] = connection.execute("show server_version").fetchall()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}",
        "machine": f"{os.cpu_count()} cores ({processor()}), {memory_gigabytes():.0f} GB, {platform.platform()}",
        "versions": f"Python {platform.python_version()}, PostgreSQL {postgres}",
        "load average before": os.getloadavg()[0],
    }


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gigabytes() -> float:
    """The machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
