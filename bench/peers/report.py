"""Figures as tables in Markdown, with the aims that they are measured by. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from bench.peers.figures import OURS, Figures, Measured

NAMES: Final = {
    "first": "first load",
    "unchanged": "nothing changed",
    "one": "1 % changed",
    "all": "all changed",
}
FASTER: Final = (
    (100, "unchanged", "dlt-scd2", 15.0),
    (100, "unchanged", "dlt-scd2-tuned", 15.0),
    (100, "unchanged", "dlt-scd2-arrow", 15.0),
    (100, "unchanged", "dlt-arrow", 2.0),
    (1000, "unchanged", "dlt-arrow", 3.0),
    (100, "first", "dlt-scd2", 8.0),
    (100, "first", "dlt-scd2-tuned", 8.0),
)
"""With how many accounts, in which case, as how many times as fast as what we want to be."""

WHOLE_PROCESS: Final = 1.5
"""One account's whole process may take so many times what our imports and the requests take."""

FLAT: Final = 1.25
"""Memory is flat where many accounts take at most so many times what fewer take, while nothing changes."""

BEGIN: Final = "<!-- Written by ./run bench peers --tables: begin -->"
END: Final = "<!-- Written by ./run bench peers --tables: end -->"


def write_into(file: Path, measured: Sequence[Measured]) -> None:
    """Put the tables between the two marks of a document."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    assert mark, f"{file} has no marks"
    file.write_text(f"{before}{BEGIN}\n\n{markdown(measured)}\n\n{END}{after}", encoding="utf-8")


def markdown(measured: Sequence[Measured]) -> str:
    """Everything that was found out."""
    found = Figures(measured)
    tools = {tool["name"]: tool for one in measured for tool in one.tools}
    sizes = sorted({figure.accounts for figure in found.all()})
    lines = [*facts(measured), "", "| tool | keeps | what it is |", "|---|---|---|"]
    lines += [f"| {tool['name']} | {tool['keeps']} | {tool['what']} |" for tool in tools.values()]
    lines += ["", "| aim | | reached | |", "|---|---:|---:|---|", *aims(found, sizes)]
    for accounts in sizes:
        measured_here = {figure.tool for figure in found.all() if figure.accounts == accounts}
        there = [tool for name, tool in tools.items() if name in measured_here]
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


def aims(found: Figures, sizes: Sequence[int]) -> Iterator[str]:
    """A line for each aim that was measured."""
    for accounts, case, tool, aim in FASTER:
        what = f"{counted(accounts)}, {NAMES[case]}, as fast as {tool}"
        if bound := found.bound_ratio(accounts, case, tool):
            yield f"| {what} | ≥ {aim:.0f}× | > {bound:.1f}× | {'reached' if bound >= aim else 'no figure'} |"
        elif ratios := found.ratios(accounts, case, tool):
            yield aim_row(what, f"≥ {aim:.0f}×", ratios, median(ratios) >= aim)
    if ratios := [1 / ratio for ratio in found.ratios(1, "unchanged", "imports")]:
        what = "1 account, nothing changed, the time of imports and requests"
        yield aim_row(what, f"≤ {WHOLE_PROCESS}×", ratios, median(ratios) <= WHOLE_PROCESS)
    fewer, more = min((one for one in sizes if one > 1), default=0), max(sizes)
    least, most = (found.most_megabytes(accounts, OURS, "unchanged") for accounts in (fewer, more))
    if least and most and fewer < more:
        what = f"memory, nothing changed, {more:,} accounts against {fewer:,}"
        yield aim_row(what, f"≤ {FLAT}×", [most / least], most / least <= FLAT)


def aim_row(what: str, aim: str, ratios: Sequence[float], is_reached: bool) -> str:  # noqa: FBT001
    """One line: the median of the passes, and each where they are more than one."""
    each = f" ({', '.join(f'{ratio:.2f}' for ratio in ratios)})" if len(ratios) > 1 else ""
    return f"| {what} | {aim} | {median(ratios):.2f}×{each} | {'reached' if is_reached else '**missed**'} |"


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
