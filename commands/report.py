"""``report``: write an account's history as one HTML page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import Engine

from commands.demo.options import demo_option, select_demo
from commands.error_output import Failure
from commands.options import account_option
from commands.paths import UserPath
from commands.writeback.account import open_histories, select_account, select_all_accounts
from pipelines.config.settings import Settings
from pipelines.report.accounts_page import write_accounts_page
from pipelines.report.write import write_report
from pipelines.report.write_all import write_reports


@click.command()
@click.option(
    "--output",
    type=UserPath(dir_okay=False),
    metavar="FILE",
    help="File to write (default: KEY.html in AMOCRM_REPORT_DIR). An existing file is overwritten.",
)
@click.option(
    "--all",
    "is_all",
    is_flag=True,
    help="Write one page for every account that has a history, and index.html, which lists all accounts.",
)
@account_option
@demo_option
def command(*, output: Path | None, is_all: bool, account_key: str | None, demo: str | None) -> None:
    """Write an account's history as one HTML page: sizes over time, movers, changes, gaps.

    The page is self-contained: it can be mailed, printed, and read offline. amoCRM is not called. With --all, a failure
    of one account does not stop the others; the exit code is 0, or that of the first failed account by key.
    """
    if is_all and (output or account_key):
        raise click.UsageError("--all excludes --output and --account: pages are written to AMOCRM_REPORT_DIR.")
    is_simulated = select_demo(demo) is not None
    now = datetime.now(UTC)
    with open_histories(demo) as (engine, known, settings):
        if is_all:
            keys = [account.key for account in select_all_accounts(known)]
            sys.exit(write_all(engine, keys, settings, now=now, is_simulated=is_simulated))
        key = select_account(known, account_key, settings).key
        language = settings.account_language(key)
        file = output or settings.report_file(key)
        write_report(engine, key, file, now=now, is_simulated=is_simulated, language=language)
        click.echo(f"wrote {file}", err=True)


def write_all(
    engine: Engine, account_keys: Sequence[str], settings: Settings, *, now: datetime, is_simulated: bool
) -> int:
    """Write all reports and the page of all accounts, and return the exit code."""
    failures: dict[str, Failure] = {}
    for result in write_reports(engine, account_keys, settings, now=now, is_simulated=is_simulated):
        if result.error:
            failure = failures[result.account_key] = Failure(result.error)
            failure.trace()
            click.echo(f"Error: {failure.message}", err=True)
        else:
            click.echo(f"wrote {result.file}", err=True)
    errors = {key: failure.message.removeprefix(f"account '{key}': ") for key, failure in failures.items()}
    file = write_accounts_page(engine, settings, now=now, errors=errors, is_simulated=is_simulated)
    click.echo(f"wrote {file}", err=True)
    return next((failure.exit_code for failure in failures.values()), 0)
