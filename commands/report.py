"""``report``: write an account's history as one HTML page. What is on it is ``pipelines.report``'s work."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from commands.demo.options import demo_option, select_demo
from commands.writeback.account import open_histories, select_account
from commands.writeback.options import account_option
from pipelines.report.write import write_report


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it; KEY.html in AMOCRM_REPORT_DIR by default. What is there is written over.",
)
@click.option("--all", "is_all", is_flag=True, help="Write a page for every account that has a history.")
@account_option
@demo_option
def command(*, output: Path | None, is_all: bool, account_key: str | None, demo: str | None) -> None:
    """Write an account's history as one HTML page: sizes over time, movers, what changed, gaps.

    It needs nothing else: it can be mailed, printed, and read without a network. Nothing is asked of amoCRM.
    """
    if is_all and (output or account_key):
        raise click.UsageError("--all excludes --output and --account: AMOCRM_REPORT_DIR says where the pages go.")
    is_simulated = select_demo(demo) is not None
    with open_histories(demo) as (engine, known, settings):
        for account in known if is_all else [select_account(known, account_key, settings)]:
            report = write_report(
                engine,
                account.key,
                output or settings.report_file(account.key),
                now=datetime.now(UTC),
                is_simulated=is_simulated,
            )
            click.echo(f"wrote {report.file}", err=True)
