"""What became of a fleet, in a few lines: how many accounts were loaded, which were not, why, and what to do."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from pipelines.outcome import Cause, Outcome, Status, causes_of
from pipelines.wording import listed

WIDTH: Final = 110
MOST_NAMED: Final = 200
"""Accounts of one cause that are named; they are loaded again by 'sync --retry-failed', whether named or not."""

MOST_CAUSES: Final = 20
"""Causes with one cure that are told one by one, those of most accounts first."""

STATUSES: Final[tuple[Status, ...]] = ("failed", "superseded", "skipped")


def headline(outcomes: Collection[Outcome], *, seconds: float | None = None) -> str:
    """How many accounts were loaded and how many were not: a line without its full stop."""
    counts = Counter(outcome.status for outcome in outcomes)
    loads = [outcome.loaded for outcome in outcomes if outcome.loaded]
    parts = [
        f"{counts['loaded']:,} of {len(outcomes):,} accounts loaded",
        *(f"{counts[status]:,} {status}" for status in STATUSES if counts[status]),
        f"{sum(load.extracted.request_count for load in loads):,} requests",
        f"{sum(load.published.size_change_count for load in loads):,} sizes changed",
        *([] if seconds is None else [f"{seconds:.1f} s"]),
    ]
    return ", ".join(parts)


def told_by_cause(outcomes: Collection[Outcome]) -> Sequence[str]:
    """A paragraph for each kind of error and what to do about it: which accounts, and what happened to them."""
    by_cure: dict[tuple[str, str], list[Cause]] = {}
    for cause in causes_of(outcomes):
        by_cure.setdefault((cause.error, cause.advice), []).append(cause)
    return [_paragraph(causes) for causes in by_cure.values()]


def _paragraph(causes: Sequence[Cause]) -> str:
    """Of causes with one cure. Where there are several, each account is named beside what happened to it."""
    keys = [key for cause in causes for key in cause.account_keys]
    head = f"{causes[0].error}, {len(keys):,} account{'' if len(keys) == 1 else 's'}"
    if len(causes) == 1:
        first = f", to {keys[0]}" if len(keys) > 1 else ""
        lines = [f"{head}: {listed(keys, MOST_NAMED)}", f"What happened{first}: {causes[0].message}"]
    else:
        lines = [head]
        for cause in causes[:MOST_CAUSES]:
            lines.append(f"What happened, to {listed(cause.account_keys, MOST_NAMED)}: {cause.message}")
        if untold := [key for cause in causes[MOST_CAUSES:] for key in cause.account_keys]:
            lines.append(f"Something else, to {listed(untold, MOST_NAMED)}: analytics.load_outcomes tells what.")
    lines += [f"What to do: {causes[0].advice}"] if causes[0].advice else []
    return "\n".join(
        textwrap.fill(part, WIDTH, subsequent_indent="    ") for line in lines for part in line.splitlines()
    )
