"""``report``: write an account's history as one HTML page. What is on it is ``pipelines.report``'s work."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from commands.demo.choice import chosen_demo, demo_option
from commands.manage.options import account_option
from commands.manage.site import history_of
from commands.place import settings_here
from pipelines.report.write import write_report


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it; KEY.html in AMOCRM_REPORT_DIR by default. What is there is written over.",
)
@account_option
@demo_option
def command(*, output: Path | None, account_key: str | None, demo: str | None) -> None:
    """Write an account's history as one HTML page: sizes over time, movers, what changed, gaps.

    It needs nothing else: it can be mailed, printed, and read without a network. Nothing is asked of amoCRM.
    """
    home = chosen_demo(demo)
    settings = home.settings if home else settings_here()
    with history_of(demo, account_key) as (engine, account):
        report = write_report(
            engine,
            account.key,
            output or settings.report_file(account.key),
            now=datetime.now(UTC),
            is_simulated=home is not None,
        )
    click.echo(f"wrote {report.file}", err=True)
