"""Growth tables and their picture, written into docs/scaling.md from a file of ``./run bench growth``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import vl_convert

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = DOCS / "scaling.md", DOCS / "growth.svg"
BEGIN: Final = "<!-- Written by ./run bench growth --page: begin -->"
END: Final = "<!-- Written by ./run bench growth --page: end -->"

AIM: Final = 1.3
"""A question about a window may take so many times as long after ten years as after one."""

ROUNDING: Final = 0.5
"""Milliseconds below which a difference is noise."""


def write_page(figures: Mapping[str, Any]) -> None:
    """Write tables between the two marks of docs/scaling.md, and the picture beside it."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    assert mark, f"{PAGE} has no marks"
    text = "\n".join(
        [*years_table(figures["years"]), "", *costs_table(figures["years"]), "", *sizes_table(figures["sizes"])]
    )
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    PICTURE.write_text(picture(figures["years"]), encoding="utf-8")


def window_ratios(years: Mapping[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """Milliseconds after the fewest and the most years, by question about a window and role."""
    first, *_, last = sorted(years, key=int)
    return {
        name: {role: (years[first][role][name], years[last][role][name]) for role in ("owner", "reader")}
        for name in years[first]["owner"]
    }


def is_missed(one: float, ten: float) -> bool:
    """True if the question takes longer than the aim allows, beyond noise."""
    return ten > AIM * one and ten - one > ROUNDING


def years_table(years: Mapping[str, Any]) -> Iterator[str]:
    """A line for each question about a window."""
    first, *_, last = sorted(years, key=int)
    yield f"| question, processor ms after {first} and {last} years | owner | × | reader of one account | × |"
    yield "|---|---:|---:|---:|---:|"
    for name, by_role in window_ratios(years).items():
        cells = []
        for one, ten in by_role.values():
            ratio = f"{ten / one:.1f}"
            cells += [f"{one:.1f} → {ten:.1f}", f"**{ratio}**" if is_missed(one, ten) else ratio]
        yield f"| {name} | {' | '.join(cells)} |"


def costs_table(years: Mapping[str, Any]) -> Iterator[str]:
    """A line for each command."""
    yield (
        "| command on a history of | "
        + " | ".join(f"{number} year{'s' * (int(number) > 1)}" for number in years)
        + " |"
    )
    yield "|---|" + "---:|" * len(years)
    for name in next(iter(years.values()))["commands"]:
        yield f"| {name} | " + " | ".join(cost(found["commands"][name]) for found in years.values()) + " |"


def sizes_table(sizes: Mapping[str, Any]) -> Iterator[str]:
    """A line for each size of an account."""
    yield "| segments × fields | values | first load | nothing changed | all changed |"
    yield "|---|---:|---:|---:|---:|"
    for size, found in sizes.items():
        segments, fields = map(int, size.split("x"))
        costs = " | ".join(cost(found[case]) for case in ("first load", "nothing changed", "all changed"))
        yield f"| {segments:,} × {fields} | {segments * fields:,} | {costs} |"


def cost(found: Mapping[str, float]) -> str:
    """Processor seconds and memory."""
    return f"{found['cpu_seconds']:.1f} s, {found['megabytes']:.0f} MB"


def picture(years: Mapping[str, Any]) -> str:
    """SVG with a dot for each question and role, at its milliseconds after few and after many years."""
    rows = [
        {"question": name, "role": role, "one": one, "ten": ten}
        for name, by_role in window_ratios(years).items()
        for role, (one, ten) in by_role.items()
    ]
    first, *_, last = sorted(years, key=int)
    log = {"type": "log", "domain": [0.1, 1000]}
    line = [
        {"one": one, "ten": one * factor, "line": name}
        for one in (0.1, 700)
        for factor, name in ((1, "equal"), (AIM, "aim"))
    ]
    spec = {
        "width": 420,
        "height": 420,
        "background": "white",
        "layer": [
            {
                "data": {"values": line},
                "mark": {"type": "line", "clip": True},
                "encoding": {
                    "x": {"field": "one", "type": "quantitative", "scale": log},
                    "y": {"field": "ten", "type": "quantitative", "scale": log},
                    "strokeDash": {"field": "line", "type": "nominal", "title": "line"},
                    "color": {"value": "#888"},
                },
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {
                    "x": {
                        "field": "one",
                        "type": "quantitative",
                        "scale": log,
                        "title": f"processor ms after {first} year",
                    },
                    "y": {
                        "field": "ten",
                        "type": "quantitative",
                        "scale": log,
                        "title": f"processor ms after {last} years",
                    },
                    "shape": {"field": "role", "type": "nominal", "title": "read as"},
                    "color": {"field": "role", "type": "nominal", "title": "read as"},
                },
            },
        ],
    }
    return vl_convert.vegalite_to_svg(spec)
