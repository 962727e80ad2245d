"""Relation of a segment's ``updated_at`` to its size: seen only if a size changed since the last probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pipelines.probe.finding import UNKNOWN, Finding
from pipelines.probe.reader import Reading

Sizes: TypeAlias = Mapping[str, tuple[int, int]]
"""Size and ``updated_at`` by the segment's id."""


def read_sizes(page: Reading) -> Sizes:
    """Return the sizes that a page of segments shows."""
    return {
        str(row["id"]): (count, updated_at)
        for row in page.rows
        if isinstance(count := row.get("customers_count"), int)
        and isinstance(updated_at := row.get("updated_at"), int)
        and isinstance(row.get("id"), int)
    }


def compare_sizes(before: Sizes, after: Sizes) -> Finding:
    """Find out whether ``updated_at`` moved where only the size is known to have changed."""
    changed = [key for key in before.keys() & after.keys() if before[key][0] != after[key][0]]
    stayed = sum(before[key][1] == after[key][1] for key in changed)
    if not changed:
        observed = f"{UNKNOWN}: no size changed since the last probe"
    elif stayed:
        observed = "stays"
    else:
        observed = "moves"
    return Finding(subject="segments", name="updated_at with a size", observed=observed)
