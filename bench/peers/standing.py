"""Comparison of our loads with the fastest peer in each case, by the aims that were set before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

from bench.peers.figures import CASES, OURS, Figures

NAMES: Final = dict(zip(CASES, ("first load", "nothing changed", "1 % changed", "all changed"), strict=True))

AIMS: Final = {
    "any peer": dict(zip(CASES, (1.2, 4.0, 2.0, 1.2), strict=True)),
    "peers that keep history": dict(zip(CASES, (1.8, 5.0, 3.0, 1.8), strict=True)),
}
"""As how many times as fast as the fastest peer we want to load many accounts."""

AIMS_OF_ONE: Final = {"any peer": dict(zip(CASES, (1.0, 1.5, 1.0, 1.0), strict=True))}
"""The same for one account, process against process."""

MOST_MEGABYTES: Final = 150.0
"""Memory of a load of many accounts."""


def standing(found: Figures, tools: Sequence[Mapping[str, str]], sizes: Sequence[int]) -> Iterator[str]:
    """A table with a line for each aim that was measured, and a cell for each case."""
    yield f"| as fast as the fastest of | {' | '.join(NAMES.values())} |"
    yield "|---|" + "---|" * len(NAMES)
    for accounts in sizes:
        of = f"{accounts:,} account{'s' if accounts > 1 else ''}"
        for group, aims in (AIMS if accounts > 1 else AIMS_OF_ONE).items():
            peers = members(tools, group)
            yield from line(f"{group}, {of}", [compared(found, accounts, case, peers, aims[case]) for case in NAMES])
        if accounts > 1:
            peers = members(tools, "peers that keep history")
            cells = [work(found, accounts, case, peers) for case in NAMES]
            yield from line(f"processor seconds, of the fastest that keeps history, {of}", cells)
            cells = [memory(found, accounts, case) for case in NAMES]
            yield from line(f"memory, at most {MOST_MEGABYTES:.0f} MB, {of}", cells)


def line(name: str, cells: Sequence[str]) -> Iterator[str]:
    """A line of the table, if anything in it was measured."""
    if any(cells):
        yield f"| {name} | {' | '.join(cells)} |"


def members(tools: Sequence[Mapping[str, str]], group: str) -> list[str]:
    """Names of the peers of a group."""
    kinds = ("history", "copies") if group == "any peer" else ("history",)
    return [tool["name"] for tool in tools if tool["keeps"] in kinds and not tool["name"].startswith(OURS)]


def fastest(found: Figures, accounts: int, case: str, peers: Sequence[str]) -> str | None:
    """Name of the peer with the least seconds."""
    seconds = {name: figure.seconds for name in peers if (figure := found.get(accounts, case, name))}
    return min(seconds, key=seconds.__getitem__, default=None)


def compared(found: Figures, accounts: int, case: str, peers: Sequence[str], aim: float) -> str:
    """As how many times as fast as the fastest peer ours is."""
    name = fastest(found, accounts, case, peers)
    ratios = found.ratios(accounts, case, name) if name else []
    return mark(f"{median(ratios):.2f}× {name} (≥ {aim:g}×)", median(ratios) >= aim) if ratios else ""


def work(found: Figures, accounts: int, case: str, peers: Sequence[str]) -> str:
    """Our processor seconds as a part of the fastest peer's."""
    name = fastest(found, accounts, case, peers)
    ratios = found.ratios(accounts, case, name, of="cpu_seconds") if name else []
    return mark(f"{1 / median(ratios):.2f} (≤ 1)", median(ratios) >= 1) if ratios else ""


def memory(found: Figures, accounts: int, case: str) -> str:
    """Our memory."""
    figure = found.get(accounts, case, OURS)
    return mark(f"{figure.megabytes:.0f} MB", figure.megabytes <= MOST_MEGABYTES) if figure else ""


def mark(text: str, is_reached: bool) -> str:  # noqa: FBT001
    """A cell in which misses stand out."""
    return text if is_reached else f"**{text} missed**"
