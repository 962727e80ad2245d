"""``report``: write an account's history as one HTML page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from commands.demo.options import demo_option, select_demo
from commands.options import account_option
from commands.paths import UserPath
from commands.writeback.account import open_histories, select_account
from pipelines.report.write import write_report


@click.command()
@click.option(
    "--output",
    type=UserPath(dir_okay=False),
    metavar="FILE",
    help="File to write (default: KEY.html in AMOCRM_REPORT_DIR). An existing file is overwritten.",
)
@click.option("--all", "is_all", is_flag=True, help="Write one page for every account that has a history.")
@account_option
@demo_option
def command(*, output: Path | None, is_all: bool, account_key: str | None, demo: str | None) -> None:
    """Write an account's history as one HTML page: sizes over time, movers, changes, gaps.

    The page is self-contained: it can be mailed, printed, and read offline. amoCRM is not called.
    """
    if is_all and (output or account_key):
        raise click.UsageError("--all excludes --output and --account: pages are written to AMOCRM_REPORT_DIR.")
    is_simulated = select_demo(demo) is not None
    with open_histories(demo) as (engine, known, settings):
        for account in known if is_all else [select_account(known, account_key, settings)]:
            report = write_report(
                engine,
                account.key,
                output or settings.report_file(account.key),
                now=datetime.now(UTC),
                is_simulated=is_simulated,
                language=settings.account_language(account.key),
            )
            click.echo(f"wrote {report.file}", err=True)
