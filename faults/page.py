"""The scorecard as one self-contained HTML page."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from faults.case import Verdict
from faults.scorecard import Scorecard, figures


def render(card: Scorecard) -> str:
    """Render the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    whole = card.figures()
    names = [one.case.name for one in card.results]
    others = {"ours": {one.case.name: str(one.verdict) for one in card.results}} | card.others if card.others else {}
    compared = set.intersection(*(set(found) for found in others.values())) if others else set()
    return environment.get_template("page.html.jinja").render(
        card=card,
        held=whole["held"],
        stylesheet=Markup(files("pipelines.report").joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704
        verdicts=[verdict.value for verdict in Verdict],
        groups={name: figures(results) for name, results in card.groups().items()},
        others={
            name: Counter(found[case] for case in names if case in compared)
            for name, found in others.items()
            if compared
        },
        columns={name: found for name, found in card.others.items() if found.keys() & set(names)},
        has_requests=whole["most_requests_of_a_load"] > 0,
        has_recovery=whole["recovery_seconds_median"] is not None,
        headline=[(label, figure) for label, figure in _headline(whole) if figure is not None],
    )


def _headline(whole: dict[str, Any]) -> list[tuple[str, Any]]:
    """Figures with labels; None if not measured."""
    looks = whole["looks_at_views"]
    return [
        ("bad inputs tried", f"{whole['bad_inputs_tried']:,}"),
        ("rows lost", whole["rows_lost"]),
        ("rows doubled", whole["rows_doubled"]),
        ("false endings", whole["false_endings"]),
        (f"torn reads in {looks:,} looks at the views", whole["torn_reads"] if looks else None),
        ("requests that a load made at most", whole["most_requests_of_a_load"] or None),
        ("seconds to be right again, median", whole["recovery_seconds_median"]),
        ("seconds to be right again, at worst", whole["recovery_seconds_worst"]),
        ("leaks", whole["verdicts"]["leak"]),
        ("hangs", whole["verdicts"]["hang"]),
    ]
