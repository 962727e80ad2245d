"""Terminal output of the demo: progress, cost, next steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from commands.account_summary import Summary
from commands.demo.home import SimulationConfig
from commands.demo.simulated_loads import LoadStep
from commands.output import pluralize

PLAIN_PROGRESS_DAYS = 10


def show_banner(console: Console) -> None:
    """Print that all data are simulated."""
    console.print()
    console.print(
        Text.assemble(
            (" SIMULATED DATA ", "reverse bold"),
            "  of an emulated amoCRM on this machine; your settings are not used",
        )
    )
    console.print()


def show_simulation_progress(console: Console, steps: Iterable[LoadStep], config: SimulationConfig, total: int) -> int:
    """Simulate all steps, show the progress, and return the number of successful loads."""
    if total == 0:
        return 0
    if not console.is_terminal:
        return _show_progress_as_lines(console, steps, config)
    count = 0
    columns = (BarColumn(bar_width=None), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task("simulated days", total=total)
        for step in steps:
            count += step.loaded is not None
            progress.update(task, advance=1, description=_format_day(step, config))
    return count


def _show_progress_as_lines(console: Console, steps: Iterable[LoadStep], config: SimulationConfig) -> int:
    """Print a line every few simulated days, for logs."""
    count, printed = 0, 0
    for step in steps:
        count += step.loaded is not None
        number = (step.at - config.started_at).days // PLAIN_PROGRESS_DAYS
        if number > printed:
            printed = number
            console.print(f"{_format_day(step, config)}, {count} loads so far")
    return count


def _format_day(step: LoadStep, config: SimulationConfig) -> str:
    number = max(1, -((config.started_at - step.at) // timedelta(days=1)))
    return f"simulated day {number}, {step.at:%-d %b %Y}"


def show_cost(console: Console, summary: Summary, *, row_count: int, load_count: int, seconds: float) -> None:
    """Print how much was loaded, and how long it took."""
    account = summary.account
    console.print()
    console.print(
        Text.assemble(
            ("Loaded ", "bold"),
            f"{account.snapshot_count:,} snapshots by {account.request_count:,} requests, "
            f"{account.byte_count / 1e6:,.1f} MB of responses, stored as {row_count:,} rows. "
            f"This run: {pluralize(load_count, 'load')} in {seconds:.1f} s, the last by Dagster's schedule.",
        )
    )


def show_next_steps(console: Console, steps: Sequence[tuple[str, str]]) -> None:
    """Print commands to paste, without line breaks."""
    console.print()
    console.print(Text("Next", "bold"))
    for purpose, line in steps:
        console.print(f"  {purpose}", style="dim")
        console.print(f"    {line}", soft_wrap=True, markup=False)
    console.print()
