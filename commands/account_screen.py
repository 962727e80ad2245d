"""Terminal output of accounts: the history of one, or a line of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from commands.account_summary import Summary
from pipelines.base.language import Language
from pipelines.base.sparkline import sparkline
from pipelines.base.text import display_name
from pipelines.base.timezone import stored_timezone
from pipelines.report.accounts import AccountLine, describe_contents, describe_problems
from pipelines.report.events import describe_gap
from pipelines.report.headline import MODE_SENTENCES
from pipelines.report.sizes import SizeTrend
from pipelines.report.stage_rules import describe_rules

MAX_WIDTH = 120
NUMBERS_WIDTH = 37  # four columns of numbers and the space between all columns
NAME_WIDTHS = (25, 32)  # narrow screen, ``WIDE`` screen
WIDE = 100
MAX_GAPS = 5

MINUS, NO_VALUE = "−", "–"
MARGIN = (0, 0, 0, 2)


def open_console() -> Console:
    """Open standard output with a limited line width and colors for light and dark backgrounds.

    Text is printed as it is: names from amoCRM may look like markup.
    """
    console = Console(highlight=False, markup=False, emoji=False, theme=Theme({"progress.elapsed": "default"}))
    console.width = min(console.width, MAX_WIDTH)
    return console


def sparkline_days(console: Console) -> int:
    """Return the number of days for which a line of the table of sizes has room."""
    return min(60, console.width - name_width(console) - NUMBERS_WIDTH)


def name_width(console: Console) -> int:
    """Return the width of the column of names."""
    return NAME_WIDTHS[console.width >= WIDE]


def show_account(console: Console, summary: Summary, *, is_simulated: bool = False) -> None:
    """Print the account, its segments or stages, recent changes, and the latest gaps."""
    account, language = summary.account, summary.language
    values = {"id": str(account.account_id), "mode": account.customers_mode}
    first, last = summary.local(account.first_observed_at), summary.local(account.last_observed_at)
    console.print()
    console.print(
        Text.assemble(
            (display_name(account.name, account.account_id), "bold"),
            "  ",
            language.gettext("simulated account %(id)s, mode '%(mode)s'", **values)
            if is_simulated
            else language.gettext("account %(id)s, mode '%(mode)s'", **values),
        )
    )
    console.print(
        language.gettext(
            "%(first)s to %(last)s, timezone %(timezone)s",
            first=language.day(first.date(), "yMMMd"),
            last=f"{language.day(last.date(), 'yMMMd')} {last:%H:%M}",
            timezone=account.timezone,
        )
    )
    console.print()
    if summary.segments:
        console.print(Padding(_sizes_table(console, summary, summary.segments, language.gettext("Segment")), MARGIN))
    if summary.stage_sizes:
        sizes = _sizes_table(console, summary, summary.stage_sizes, language.gettext("Stage"))
        console.print(Padding(sizes, MARGIN))
        console.print()
    if summary.stages:
        console.print(Padding(_stages_table(summary), MARGIN))
    if account.customers_mode in MODE_SENTENCES:
        console.print(language.gettext(MODE_SENTENCES[account.customers_mode]))
    console.print()
    console.print(Text(language.gettext("Recent changes"), "bold"))
    console.print(Padding(_changes_table(summary), MARGIN))
    for gap in summary.gaps[:MAX_GAPS]:
        console.print()
        since = language.day(summary.local(gap.after_at).date())
        console.print(Text.assemble((f"{since} ", "bold"), describe_gap(gap, language)))


def show_accounts(console: Console, lines: Sequence[AccountLine], language: Language) -> None:
    """Print a line of each account, and below all of them what is wrong with the loads of some."""
    table = _create_table()
    is_wide = console.width >= MAX_WIDTH
    table.add_column(language.gettext("Account"), no_wrap=True, max_width=18)
    if is_wide:
        table.add_column(language.gettext("Name"), no_wrap=True, max_width=22)
    table.add_column(language.gettext("Segment or stage"), no_wrap=True, max_width=18)
    for title in (language.pgettext("size", "now"), *(_format_days(days, language) for days in (7, 30))):
        table.add_column(title, justify="right", no_wrap=True)
    days = 14 if is_wide else 7
    table.add_column(language.ngettext("last %(count)s day", "last %(count)s days", days), no_wrap=True)
    table.add_column(language.gettext("Last load"), justify="right", no_wrap=True)
    for line in lines:
        local = line.observed_at.astimezone(stored_timezone(line.timezone))
        has_size = line.place_id is not None
        table.add_row(
            Text(line.account_key, "" if line.is_healthy else "bold yellow"),
            *([display_name(line.name)] if is_wide else []),
            display_name(line.place_name, line.place_id)
            if has_size
            else Text(describe_contents(line, language), "dim"),
            _format_size(line.customers_count, language) if has_size else "",
            _format_change(line.change_7_days, language) if has_size else "",
            _format_change(line.change_30_days, language) if has_size else "",
            sparkline(line.last_counts[-days:]),
            language.day(local.date()) + (f" {local:%H:%M}" if is_wide else ""),
        )
    console.print(table)
    for line in lines:
        problems = " ".join(describe_problems(line, language))
        if problems:
            console.print()
            console.print(Text.assemble((f"{line.account_key} ", "bold yellow"), problems))


def _create_table(*, has_header: bool = True) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=has_header)


def _sizes_table(console: Console, summary: Summary, trends: Sequence[SizeTrend], kind: str) -> Table:
    """Build the table of segments or stages: size, changes, sparkline."""
    language, shown_days = summary.language, len(summary.days)
    table = _create_table()
    table.add_column(kind, no_wrap=True, max_width=name_width(console))
    for title in (language.pgettext("size", "now"), *(_format_days(days, language) for days in (1, 7, 30))):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(language.ngettext("last %(count)s day", "last %(count)s days", shown_days), no_wrap=True)
    for row in trends:
        sizes = {day.date: day.size for day in row.days}
        table.add_row(
            display_name(row.name, row.place_id),
            _format_size(row.customers_count, language),
            _format_change(row.change_1_day, language),
            _format_change(row.change_7_days, language),
            _format_change(row.change_30_days, language),
            sparkline([sizes.get(day) for day in summary.days]),
        )
    return table


def _format_days(days: int, language: Language) -> str:
    return language.ngettext("%(count)s day", "%(count)s days", days)


def _format_size(size: int | None, language: Language) -> Text:
    return Text(NO_VALUE if size is None else language.number(size), "bold")


def _format_change(change: int | None, language: Language) -> Text:
    if not change:
        return Text(NO_VALUE if change is None else "0", "dim")
    if change > 0:
        return Text(f"+{language.number(change)}", "green")
    return Text(f"{MINUS}{language.number(-change)}", "red")


def _stages_table(summary: Summary) -> Table:
    """Build the table of stages: rules and last change."""
    language = summary.language
    table = _create_table()
    table.add_column(language.gettext("Stage"), no_wrap=True)
    table.add_column("", no_wrap=True, style="dim")
    table.add_column(language.gettext("rules for customers to enter"), overflow="fold")
    table.add_column(language.gettext("last change"), justify="right", no_wrap=True)
    for row in summary.stages:
        table.add_row(
            Text(display_name(row.name, row.stage_id), "bold"),
            language.pgettext("stage", "system") if row.is_default else "",
            describe_rules(row.conditions_text, language, row.conditions) or Text(language.gettext("no rule"), "dim"),
            language.day(summary.local(row.changed_at).date()) if row.changed_at else Text(NO_VALUE, "dim"),
        )
    return table


def _changes_table(summary: Summary) -> Table:
    """Build the list of recent changes."""
    language = summary.language
    table = _create_table(has_header=False)
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for change in summary.changes:
        table.add_row(language.day(summary.local(change.observed_at).date()), change.text)
    if not summary.changes:
        table.add_row("", language.gettext("none within a year"))
    return table
