"""``show``: show an account's history, or a line of every account, in the terminal."""

from __future__ import annotations

import click

from commands.demo.options import DemoCommand, demo_option, select_demo
from commands.terminal_language import terminal_language
from commands.writeback.account import open_histories, select_account, select_all_accounts

CHANGE_COUNT = 12
MAX_DAYS = 14
"""Days of sizes that a line has room for."""


@click.command(cls=DemoCommand)
@click.argument("account_key", metavar="[ACCOUNT]", required=False)
@demo_option
def command(*, account_key: str | None, demo: str | None) -> None:
    """Show an account's segments or stages, recent changes and gaps, as the demo does for its own.

    ACCOUNT is its key in the settings. Without it, every account that has a history gets a line, if there are several:
    its largest segment, with trend and changes, and its last load. amoCRM is not called.
    """
    from commands.account_screen import open_console, show_account, show_accounts, sparkline_days  # noqa: PLC0415 - rich
    from commands.account_summary import read_summary  # noqa: PLC0415 - keeps --help quick
    from pipelines.report.accounts import read_account_lines  # noqa: PLC0415

    is_simulated = select_demo(demo) is not None
    console = open_console()
    with open_histories(demo) as (engine, known, settings):
        language = terminal_language(settings.language)
        if account_key is None and len(select_all_accounts(known)) > 1:
            lines, summary = read_account_lines(engine, days=MAX_DAYS), None
        else:
            key = select_account(known, account_key, settings).key
            days = sparkline_days(console)
            summary = read_summary(engine, key, language, days=days, change_count=CHANGE_COUNT)
    if summary:
        show_account(console, summary, is_simulated=is_simulated)
    else:
        show_accounts(console, lines, language)
