"""Progress of a fleet in a terminal or a log, and its summary."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.load.fleet_summary import format_failures, format_headline
from pipelines.load.result import LoadResult

LINE_INTERVAL_SECONDS: Final = 10.0
"""Interval between lines without a terminal, such as in a log of cron."""


def show_fleet_progress(fleet: Iterable[LoadResult], total: int) -> list[LoadResult]:
    """Load the accounts and show the progress, then a summary with the reasons for failures and advice."""
    started = time.monotonic()
    console = Console(stderr=True, highlight=False)
    outcomes = _show_bar(console, fleet, total) if console.is_terminal else _print_lines(fleet, total, started)
    click.echo(format_headline(outcomes, seconds=time.monotonic() - started))
    for paragraph in format_failures(outcomes):
        click.echo(f"\n{paragraph}", err=True)
    return outcomes


def _show_bar(console: Console, fleet: Iterable[LoadResult], total: int) -> list[LoadResult]:
    """Load with a progress bar in a terminal."""
    outcomes, failed_count = [], 0
    columns = (BarColumn(bar_width=None), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, expand=True, transient=True) as progress:
        task = progress.add_task("", total=total)
        for outcome in fleet:
            outcomes.append(outcome)
            failed_count += outcome.status == "failed"
            progress.update(task, advance=1, description=f"{failed_count:,} failed" if failed_count else "")
    return outcomes


def _print_lines(fleet: Iterable[LoadResult], total: int, started: float) -> list[LoadResult]:
    """Load with a line every ``LINE_INTERVAL_SECONDS``, for logs."""
    outcomes, printed_at = [], started
    for outcome in fleet:
        outcomes.append(outcome)
        now = time.monotonic()
        if now - printed_at >= LINE_INTERVAL_SECONDS:
            printed_at = now
            failed_count = sum(one.status == "failed" for one in outcomes)
            failed = f", {failed_count:,} failed" if failed_count else ""
            click.echo(f"{len(outcomes):,} of {total:,} accounts, {now - started:.0f} s{failed}", err=True)
    return outcomes
