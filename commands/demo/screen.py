"""Terminal output of the demo: progress, summary, next steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from commands.demo.home import SimulationConfig
from commands.demo.simulated_loads import LoadStep
from commands.demo.summary import Summary
from pipelines.base.language import Language
from pipelines.base.sparkline import sparkline
from pipelines.base.text import display_name, to_single_line
from pipelines.report.stage_rules import describe_rules

MAX_WIDTH = 120
NUMBERS_WIDTH = 36  # four columns of numbers and the space between all columns
NAME_WIDTHS = (25, 32)  # narrow screen, wide screen
PLAIN_PROGRESS_DAYS = 10

MINUS, NO_VALUE = "−", "–"
ONE_DECIMAL = Decimal("0.1")
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


def show_summary(console: Console, summary: Summary) -> None:
    """Print the account, its segments or stages, recent changes, and gaps."""
    account, language = summary.account, summary.language
    console.print()
    kind = language.gettext(
        "simulated account %(id)s, mode '%(mode)s'", id=str(account.account_id), mode=account.customers_mode
    )
    console.print(Text.assemble((to_single_line(account.name), "bold"), "  ", kind))
    console.print(
        language.gettext(
            "%(first)s to %(last)s, timezone %(timezone)s",
            first=language.day(summary.local(account.first_observed_at).date(), "yMMMd"),
            last=_format_minute(summary.local(account.last_observed_at), language, "yMMMd"),
            timezone=account.timezone,
        )
    )
    console.print()
    if summary.segments:
        console.print(Padding(_segments_table(console, summary), MARGIN))
    if summary.stages:
        console.print(Padding(_stages_table(summary), MARGIN))
    console.print()
    console.print(Text(language.gettext("Recent changes"), "bold"))
    console.print(Padding(_changes_table(summary), MARGIN))
    for gap in summary.gaps:
        text = language.gettext(
            "No load succeeded between %(before)s and %(after)s: amoCRM was down. Its API has no past, so the gap"
            " stays.",
            before=_format_minute(summary.local(gap.previous_observed_at), language),
            after=_format_minute(summary.local(gap.observed_at), language),
        )
        console.print()
        console.print(Text.assemble((language.gettext("Gap"), "bold"), " ", text))


def _format_minute(local: datetime, language: Language, skeleton: str = "MMMd") -> str:
    return f"{language.day(local.date(), skeleton)} {local:%H:%M}"


def _segments_table(console: Console, summary: Summary) -> Table:
    """Build the table of segments: size, changes, sparkline."""
    language = summary.language
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(language.gettext("Segment"), no_wrap=True, max_width=name_width(console))
    table.add_column(language.pgettext("size", "now"), justify="right", no_wrap=True)
    for days in (1, 7, 30):
        table.add_column(language.ngettext("%(count)s day", "%(count)s days", days), justify="right", no_wrap=True)
    shown_days = sparkline_days(console)
    table.add_column(language.ngettext("last %(count)s day", "last %(count)s days", shown_days), no_wrap=True)
    for row in summary.segments:
        table.add_row(
            display_name(row.name),
            Text(NO_VALUE if row.customers_count is None else language.number(row.customers_count), "bold"),
            *(_format_change(change, language) for change in (row.change_1_day, row.change_7_days, row.change_30_days)),
            sparkline(row.last_counts),
        )
    return table


def _format_change(change: int | None, language: Language) -> Text:
    if not change:
        return Text(NO_VALUE if change is None else "0", "dim")
    number = language.number(abs(change))
    return Text(f"+{number}", "green") if change > 0 else Text(f"{MINUS}{number}", "red")


def _stages_table(summary: Summary) -> Table:
    """Build the table of stages: rules and last change."""
    language = summary.language
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(language.gettext("Stage"), no_wrap=True)
    table.add_column("", no_wrap=True, style="dim")
    table.add_column(language.gettext("rules for customers to enter"), overflow="fold")
    table.add_column(language.gettext("last change"), justify="right", no_wrap=True)
    for row in summary.stages:
        changed_at = row.changed_at and summary.local(row.changed_at)
        table.add_row(
            Text(display_name(row.name), "bold"),
            language.pgettext("stage", "system") if row.is_default else "",
            describe_rules(row.conditions_text, language) or Text(language.gettext("no rule"), "dim"),
            language.day(changed_at.date()) if changed_at else Text(NO_VALUE, "dim"),
        )
    return table


def _changes_table(summary: Summary) -> Table:
    """Build the list of recent changes."""
    language = summary.language
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for change in summary.changes:
        table.add_row(language.day(summary.local(change.observed_at).date()), change.text)
    if not summary.changes:
        table.add_row("", language.pgettext("changes", "none yet"))
    return table


def show_cost(console: Console, summary: Summary, *, load_count: int, seconds: float) -> None:
    """Print how much was loaded, and how long it took."""
    account, language = summary.account, summary.language
    console.print()
    loaded = language.ngettext(
        "%(count)s snapshot by %(requests)s requests, %(megabytes)s MB of responses, stored as %(rows)s rows.",
        "%(count)s snapshots by %(requests)s requests, %(megabytes)s MB of responses, stored as %(rows)s rows.",
        account.snapshot_count,
        requests=account.request_count,
        megabytes=language.number(Decimal(account.byte_count).scaleb(-6).quantize(ONE_DECIMAL)),
        rows=summary.row_count,
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
