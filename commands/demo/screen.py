"""Terminal output of the demo: progress, cost, next steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from commands.account_summary import Summary
from commands.demo.home import SimulationConfig
from commands.demo.simulated_loads import LoadStep
from pipelines.base.language import Language

PLAIN_PROGRESS_DAYS = 10

ONE_DECIMAL = Decimal("0.1")


def show_banner(console: Console, language: Language) -> None:
    """Print that all data are simulated."""
    title = language.gettext("SIMULATED DATA")
    console.print()
    console.print(
        Text.assemble(
            (f" {title} ", "reverse bold"),
            "  ",
            language.gettext("of an emulated amoCRM on this machine; your settings are not used"),
        )
    )
    console.print()


def show_simulation_progress(
    console: Console, language: Language, steps: Iterable[LoadStep], config: SimulationConfig, total: int
) -> int:
    """Simulate all steps, show the progress, and return the number of successful loads."""
    if total == 0:
        return 0
    if not console.is_terminal:
        return _show_progress_as_lines(console, language, steps, config)
    count = 0
    columns = (BarColumn(bar_width=None), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task(language.gettext("simulated days"), total=total)
        for step in steps:
            count += step.loaded is not None
            progress.update(task, advance=1, description=_format_day(step, config, language))
    return count


def _show_progress_as_lines(
    console: Console, language: Language, steps: Iterable[LoadStep], config: SimulationConfig
) -> int:
    """Print a line every few simulated days, for logs."""
    count, printed = 0, 0
    for step in steps:
        count += step.loaded is not None
        number = (step.at - config.started_at).days // PLAIN_PROGRESS_DAYS
        if number > printed:
            printed = number
            day = _format_day(step, config, language)
            console.print(
                language.ngettext("%(day)s, %(count)s load so far", "%(day)s, %(count)s loads so far", count, day=day)
            )
    return count


def _format_day(step: LoadStep, config: SimulationConfig, language: Language) -> str:
    number = max(1, -((config.started_at - step.at) // timedelta(days=1)))
    return language.gettext(
        "simulated day %(number)s, %(date)s", number=number, date=language.day(step.at.date(), "yMMMd")
    )


def show_cost(console: Console, summary: Summary, *, row_count: int, load_count: int, seconds: float) -> None:
    """Print how much was loaded, and how long it took."""
    account, language = summary.account, summary.language
    console.print()
    loaded = language.ngettext(
        "%(count)s snapshot by %(requests)s requests, %(megabytes)s MB of responses, stored as %(rows)s rows.",
        "%(count)s snapshots by %(requests)s requests, %(megabytes)s MB of responses, stored as %(rows)s rows.",
        account.snapshot_count,
        requests=account.request_count,
        megabytes=language.number(Decimal(account.byte_count).scaleb(-6).quantize(ONE_DECIMAL)),
        rows=row_count,
    )
    run = language.ngettext(
        "This run: %(count)s load in %(seconds)s s, the last by Dagster's schedule.",
        "This run: %(count)s loads in %(seconds)s s, the last by Dagster's schedule.",
        load_count,
        seconds=language.number(Decimal(seconds).quantize(ONE_DECIMAL)),
    )
    console.print(Text.assemble((language.gettext("Loaded"), "bold"), f" {loaded} {run}"))


def show_next_steps(console: Console, steps: Sequence[tuple[str, str]], language: Language) -> None:
    """Print commands to paste, without line breaks."""
    console.print()
    console.print(Text(language.gettext("Next"), "bold"))
    for purpose, line in steps:
        console.print(f"  {language.render(purpose)}", style="dim")
        console.print(f"    {line}", soft_wrap=True, markup=False)
    console.print()
