"""How a fleet looks in a terminal on its way, and in a log; and what is said of it at its end."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.fleet_words import headline, told_by_cause
from pipelines.outcome import Outcome

BETWEEN_LINES: Final = 10.0
"""Seconds between two lines where nobody watches, such as in the log of cron."""


def follow(fleet: Iterable[Outcome], total: int) -> list[Outcome]:
    """Show how the accounts are loaded, to the last; then how many were, and for the others why not and what to do."""
    began = time.monotonic()
    console = Console(stderr=True, highlight=False)
    outcomes = _with_a_bar(console, fleet, total) if console.is_terminal else _in_lines(fleet, total, began)
    click.echo(headline(outcomes, seconds=time.monotonic() - began))
    for paragraph in told_by_cause(outcomes):
        click.echo(f"\n{paragraph}", err=True)
    return outcomes


def _with_a_bar(console: Console, fleet: Iterable[Outcome], total: int) -> list[Outcome]:
    outcomes, failed_count = [], 0
    columns = (BarColumn(bar_width=None), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, expand=True, transient=True) as progress:
        task = progress.add_task("", total=total)
        for outcome in fleet:
            outcomes.append(outcome)
            failed_count += outcome.status == "failed"
            progress.update(task, advance=1, description=f"{failed_count:,} failed" if failed_count else "")
    return outcomes


def _in_lines(fleet: Iterable[Outcome], total: int, began: float) -> list[Outcome]:
    outcomes, told_at = [], began
    for outcome in fleet:
        outcomes.append(outcome)
        now = time.monotonic()
        if now - told_at >= BETWEEN_LINES:
            told_at = now
            failed_count = sum(one.status == "failed" for one in outcomes)
            failed = f", {failed_count:,} failed" if failed_count else ""
            click.echo(f"{len(outcomes):,} of {total:,} accounts, {now - began:.0f} s{failed}", err=True)
    return outcomes
