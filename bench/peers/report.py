"""Figures as tables in Markdown. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from bench.peers.figures import OURS, Figures, Measured
from bench.peers.standing import NAMES, standing

BEGIN: Final = "<!-- Written by ./run bench peers --tables: begin -->"
END: Final = "<!-- Written by ./run bench peers --tables: end -->"
BEGIN_STANDING: Final = "<!-- Where we stand, written by ./run bench peers --tables: begin -->"
END_STANDING: Final = "<!-- Where we stand, written by ./run bench peers --tables: end -->"


def write_into(file: Path, measured: Sequence[Measured]) -> None:
    """Put the tables between the marks of a document."""
    text = file.read_text(encoding="utf-8")
    found, tools, sizes = contents(measured)
    text = between(text, BEGIN_STANDING, END_STANDING, "\n".join(standing(found, tools, sizes)))
    file.write_text(between(text, BEGIN, END, markdown(measured)), encoding="utf-8")


def between(text: str, begin: str, end: str, new: str) -> str:
    """Replace what stands between two marks."""
    before, _, rest = text.partition(begin)
    _, mark, after = rest.partition(end)
    assert mark, f"the mark is missing: {end}"
    return f"{before}{begin}\n\n{new}\n\n{end}{after}"


def contents(measured: Sequence[Measured]) -> tuple[Figures, list[Mapping[str, str]], list[int]]:
    """All figures, tools and numbers of accounts."""
    found = Figures(measured)
    tools = {tool["name"]: tool for one in measured for tool in one.tools}
    return found, list(tools.values()), sorted({figure.accounts for figure in found.all()})


def markdown(measured: Sequence[Measured]) -> str:
    """Everything that was found out."""
    found, tools, sizes = contents(measured)
    lines = [*facts(measured), "", "| tool | keeps | what it is |", "|---|---|---|"]
    lines += [f"| {tool['name']} | {tool['keeps']} | {tool['what']} |" for tool in tools]
    lines += ["", *standing(found, tools, sizes)]
    for accounts in sizes:
        measured_here = {figure.tool for figure in found.all() if figure.accounts == accounts}
        there = [tool for tool in tools if tool["name"] in measured_here]
        lines += ["", f"**{counted(accounts)}, seconds**", "", *table(found, accounts, there)]
        lines += ["", f"**{counted(accounts)}, seconds of a processor, the server's included**", ""]
        lines += work(found, accounts, [tool["name"] for tool in there])
    return "\n".join([*lines, "", *agreement(found, sizes), *troubles(found)])


def facts(measured: Sequence[Measured]) -> Iterator[str]:
    """A line for each call of the bench: where and when."""
    for one in measured:
        sizes = " and ".join(counted(size) for size in sorted({figure.accounts for figure in one.figures}))
        yield f"- {sizes}: {'; '.join(f'{name} {text}' for name, text in one.facts.items())}"


def counted(accounts: int) -> str:
    """So many accounts, in words."""
    return f"{accounts:,} account{'s' if accounts > 1 else ''}"


def table(found: Figures, accounts: int, tools: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each tool."""
    yield f"| | {' | '.join(NAMES.values())} | memory, MB | grows by, kB an account |"
    yield "|---|" + "---:|" * (len(NAMES) + 2)
    for tool in tools:
        name = tool["name"]
        cells = [cell(found, accounts, case, name) for case in NAMES]
        memory = found.most_megabytes(accounts, name)
        unchanged = found.get(accounts, "unchanged", name) if tool["keeps"] != "-" else None
        cells.append("" if memory is None else f"{memory:,.0f}")
        cells.append(f"{unchanged.stored_bytes / accounts / 1000:,.0f}" if unchanged else "")
        yield f"| {name} | {' | '.join(cells)} |"


def cell(found: Figures, accounts: int, case: str, tool: str) -> str:
    """Seconds, their spread, and how many times ours they are."""
    if bound := found.bound(accounts, case, tool):
        return f"> {bound:.0f} s{times(found.bound_ratio(accounts, case, tool), tool, '> ')}"
    figure = found.get(accounts, case, tool)
    if figure is None:
        return ""
    seconds = [run.seconds for run in figure.runs]
    spread = f" ({min(seconds):.2f}-{max(seconds):.2f})" if len(seconds) > 1 else ""
    ratios = found.ratios(accounts, case, tool)
    return f"{figure.seconds:.2f} s{spread}{times(median(ratios) if ratios else None, tool)}"


def work(found: Figures, accounts: int, tools: Sequence[str]) -> Iterator[str]:
    """The same for processor time."""
    yield f"| | {' | '.join(NAMES.values())} |"
    yield "|---|" + "---:|" * len(NAMES)
    for tool in tools:
        cells = []
        for case in NAMES:
            figure, ratios = found.get(accounts, case, tool), found.ratios(accounts, case, tool, of="cpu_seconds")
            cells.append(
                f"{figure.cpu_seconds:.2f} s{times(median(ratios) if ratios else None, tool)}" if figure else ""
            )
        yield f"| {tool} | {' | '.join(cells)} |"


def times(ratio: float | None, tool: str, sign: str = "") -> str:
    """How many times ours a figure is."""
    return f", **{sign}{ratio:.{1 if ratio >= 1 else 2}f}×**" if ratio and tool != OURS else ""


def agreement(found: Figures, sizes: Sequence[int]) -> Iterator[str]:
    """How far apart the passes are."""
    for accounts in sizes:
        repeated = [one for one in found.all() if one.accounts == accounts and len(one.runs) > 1]
        if repeated:
            apart = sorted(repeated, key=lambda one: one.apart)
            ours = max((one.apart for one in repeated if one.tool == OURS), default=0.0)
            yield (
                f"- {counted(accounts)}, {len(apart[-1].runs)} passes: "
                f"half of the {len(apart)} figures are at most {apart[len(apart) // 2].apart:.0%} apart, "
                f"ours at most {ours:.0%}, all at most {apart[-1].apart:.0%} "
                f"({apart[-1].tool}, {NAMES[apart[-1].case]})."
            )


def troubles(found: Figures) -> Iterator[str]:
    """What could not be measured, and why."""
    for one in found.all():
        if one.failure:
            yield f"- {one.tool}, {NAMES[one.case]}, {counted(one.accounts)}: {one.failure.strip().splitlines()[-1]}."
