"""Terminal output of the demo: progress, summary, next steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from commands.demo.home import SimulationConfig
from commands.demo.simulated_loads import LoadStep
from commands.demo.summary import Summary
from commands.output import pluralize
from pipelines.base.sparkline import sparkline
from pipelines.base.text import display_name, to_single_line
from pipelines.report.stage_rules import describe_rules

MAX_WIDTH = 120
NUMBERS_WIDTH = 36  # four columns of numbers and the space between all columns
NAME_WIDTHS = (25, 32)  # narrow screen, wide screen
PLAIN_PROGRESS_DAYS = 10

MINUS, NO_VALUE = "−", "–"
MARGIN = (0, 0, 0, 2)


def open_console() -> Console:
    """Open standard output with a limited line width and colors for light and dark backgrounds."""
    console = Console(highlight=False, theme=Theme({"progress.elapsed": "default"}))
    console.width = min(console.width, MAX_WIDTH)
    return console


def sparkline_days(console: Console) -> int:
    """Return the number of days for which a line of the table has room."""
    return min(60, console.width - name_width(console) - NUMBERS_WIDTH)


def name_width(console: Console) -> int:
    """Return the width of the column of names."""
    return NAME_WIDTHS[console.width >= 100]


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


def show_summary(console: Console, summary: Summary) -> None:
    """Print the account, its segments or stages, recent changes, and gaps."""
    account = summary.account
    console.print()
    first, last = summary.local(account.first_observed_at), summary.local(account.last_observed_at)
    console.print(
        Text.assemble(
            (to_single_line(account.name), "bold"),
            f"  simulated account {account.account_id}, mode '{account.customers_mode}'",
        )
    )
    console.print(f"{first:%-d %b %Y} to {last:%-d %b %Y %H:%M}, timezone {account.timezone}")
    console.print()
    if summary.segments:
        console.print(Padding(_segments_table(console, summary), MARGIN))
    if summary.stages:
        console.print(Padding(_stages_table(summary), MARGIN))
    console.print()
    console.print(Text("Recent changes", "bold"))
    console.print(Padding(_changes_table(summary), MARGIN))
    for gap in summary.gaps:
        before, after = summary.local(gap.previous_observed_at), summary.local(gap.observed_at)
        console.print()
        console.print(
            Text.assemble(
                ("Gap ", "bold"),
                f"No load succeeded between {before:%-d %b %H:%M} and {after:%-d %b %H:%M}: amoCRM was down. "
                "Its API has no past, so the gap stays.",
            )
        )


def _segments_table(console: Console, summary: Summary) -> Table:
    """Build the table of segments: size, changes, sparkline."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Segment", no_wrap=True, max_width=name_width(console))
    for title in ("now", "1 day", "7 days", "30 days"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(f"last {sparkline_days(console)} days", no_wrap=True)
    for row in summary.segments:
        table.add_row(
            display_name(row.name),
            Text(NO_VALUE if row.customers_count is None else f"{row.customers_count:,}", "bold"),
            _format_change(row.change_1_day),
            _format_change(row.change_7_days),
            _format_change(row.change_30_days),
            sparkline(row.last_counts),
        )
    return table


def _format_change(change: int | None) -> Text:
    if not change:
        return Text(NO_VALUE if change is None else "0", "dim")
    return Text(f"+{change:,}", "green") if change > 0 else Text(f"{MINUS}{-change:,}", "red")


def _stages_table(summary: Summary) -> Table:
    """Build the table of stages: rules and last change."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Stage", no_wrap=True)
    table.add_column("", no_wrap=True, style="dim")
    table.add_column("rules for customers to enter", overflow="fold")
    table.add_column("last change", justify="right", no_wrap=True)
    for row in summary.stages:
        table.add_row(
            Text(display_name(row.name), "bold"),
            "system" if row.is_default else "",
            describe_rules(row.conditions_text) or Text("no rule", "dim"),
            f"{summary.local(row.changed_at):%-d %b}" if row.changed_at else Text(NO_VALUE, "dim"),
        )
    return table


def _changes_table(summary: Summary) -> Table:
    """Build the list of recent changes."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for change in summary.changes:
        table.add_row(f"{summary.local(change.observed_at):%-d %b}", change.text)
    if not summary.changes:
        table.add_row("", "none yet")
    return table


def show_cost(console: Console, summary: Summary, *, load_count: int, seconds: float) -> None:
    """Print how much was loaded, and how long it took."""
    account = summary.account
    console.print()
    console.print(
        Text.assemble(
            ("Loaded ", "bold"),
            f"{account.snapshot_count:,} snapshots by {account.request_count:,} requests, "
            f"{account.byte_count / 1e6:,.1f} MB of responses, stored as {summary.row_count:,} rows. "
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
