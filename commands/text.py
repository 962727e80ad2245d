"""Words that several commands use."""

from __future__ import annotations


def pluralize(count: int, noun: str) -> str:
    """'1 segment', '2,000 segments'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
