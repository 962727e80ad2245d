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
    """A paragraph for each cause: which accounts, what happened to the first of them, what to do."""
    return [_paragraph(cause) for cause in causes_of(outcomes)]


def _paragraph(cause: Cause) -> str:
    count = len(cause.account_keys)
    lines = (
        f"{cause.error}, {count:,} account{'' if count == 1 else 's'}: {listed(cause.account_keys, MOST_NAMED)}",
        f"What happened{'' if count == 1 else f', to {cause.account_keys[0]}'}: {cause.message}",
        f"What to do: {cause.advice}" if cause.advice else "",
    )
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in lines if line)
